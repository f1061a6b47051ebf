// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdlib>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {
namespace {

constexpr size_t kLive = 1000;

struct Malloc {
  static char* Take(size_t bytes) { return static_cast<char*>(malloc(bytes)); }
  static void Give(char* object) { free(object); }
};

char fixed_object[512];

struct NoMalloc {
  static char* Take(size_t) { return fixed_object; }
  static void Give(char*) {}
};

// Not on the stack, so that no compiler sees where the objects end up.
std::array<char*, kLive> live;

template <typename Memory>
uint64_t Loop(uint64_t amount) {
  Random random(1);
  uint64_t checksum = 0;
  for (char*& object : live) {
    object = Memory::Take(random.Between(16, 512));
    if (object == nullptr) abort();
    *object = 0;
  }
  for (uint64_t i = 0; i < amount; ++i) {
    char*& object = live[random.Between(0, kLive - 1)];
    const size_t bytes = random.Between(16, 512);
    checksum += static_cast<unsigned char>(*object);
    Memory::Give(object);
    object = Memory::Take(bytes);
    *object = static_cast<char>(bytes);
  }
  for (char* object : live) Memory::Give(object);
  return checksum;
}

}  // namespace

uint64_t Pairs(uint64_t amount) { return Loop<Malloc>(amount); }

uint64_t PairsWithoutMalloc(uint64_t amount) { return Loop<NoMalloc>(amount); }

}  // namespace bench
}  // namespace bulkhead
