// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdlib>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {
namespace {

std::array<char*, 1000> burst;

}  // namespace

uint64_t Bursts(uint64_t amount) {
  Random random(2);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < amount; ++i) {
    for (char*& object : burst) {
      const size_t bytes = random.Between(16, 512);
      object = Allocate(bytes);
      *object = static_cast<char>(bytes);
    }
    for (char* object : burst) {
      checksum += static_cast<unsigned char>(*object);
      free(object);
    }
  }
  return checksum;
}

}  // namespace bench
}  // namespace bulkhead
