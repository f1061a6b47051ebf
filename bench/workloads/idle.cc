// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdlib>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {

uint64_t Idle(uint64_t) {
  char* object = Allocate(100);
  *object = 1;
  constexpr char kReady[] = "ready\n";
  if (write(STDOUT_FILENO, kReady, sizeof kReady - 1) < 0) abort();
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  const uint64_t checksum = static_cast<unsigned char>(*object);
  free(object);
  return checksum;
}

}  // namespace bench
}  // namespace bulkhead
