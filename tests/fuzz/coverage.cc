// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/coverage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

// The linker's bounds of the counters of -fsanitize-coverage's inline-8bit
// kind.
extern "C" {
extern uint8_t __start___sancov_cntrs[]
    __attribute__((weak, visibility("hidden")));
extern uint8_t __stop___sancov_cntrs[]
    __attribute__((weak, visibility("hidden")));
}

namespace bulkhead_fuzz {
namespace {

// Memory that parent and child share.
uint8_t* shared = nullptr;

size_t Counters() {
  return static_cast<size_t>(__stop___sancov_cntrs - __start___sancov_cntrs);
}

}  // namespace

void PrepareCoverage() {
  if (Counters() == 0) return;
  if (shared == nullptr) {
    void* const memory = mmap(nullptr, Counters(), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    shared = static_cast<uint8_t*>(memory);
  }
  memset(shared, 0, Counters());
}

void PublishCoverage() {
  if (shared != nullptr) memcpy(shared, __start___sancov_cntrs, Counters());
}

void CollectCoverage() {
  if (shared == nullptr) return;
  for (size_t i = 0; i < Counters(); ++i) {
    __start___sancov_cntrs[i] = std::max(__start___sancov_cntrs[i], shared[i]);
  }
}

}  // namespace bulkhead_fuzz
