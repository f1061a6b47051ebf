// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdlib>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {
namespace {

constexpr size_t kLeast = 16;
constexpr size_t kMost = size_t{64} << 10;

// Several, so that a buffer often has a neighbour where it would grow.
struct Buffers {
  std::array<char*, 16> objects;
  size_t bytes;

  void Resize(size_t new_bytes) {
    for (char*& object : objects) {
      object = Reallocate(object, new_bytes);
      object[new_bytes - 1] = static_cast<char>(new_bytes);
    }
    bytes = new_bytes;
  }
};

}  // namespace

uint64_t Reallocs(uint64_t amount) {
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < amount; ++i) {
    Buffers buffers = {};
    buffers.Resize(kLeast);
    for (char* object : buffers.objects) *object = static_cast<char>(i + 1);
    while (buffers.bytes < kMost) buffers.Resize(buffers.bytes * 3 / 2);
    while (buffers.bytes > 2 * kLeast) buffers.Resize(buffers.bytes / 2);
    for (char* object : buffers.objects) {
      checksum += static_cast<unsigned char>(*object);
      free(object);
    }
  }
  return checksum;
}

}  // namespace bench
}  // namespace bulkhead
