// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Makes refills and flushes of one size class, and little else:
//   trips --rounds=N
// Each round takes more blocks than a cache holds and gives them back. Blocks
// that stay behind keep every slab in place, so that rounds are all alike.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t kBytes = 112;
constexpr size_t kStayEvery = 8;

void* Take() {
  void* const block = malloc(kBytes);
  if (block == nullptr) abort();
  return block;
}

// Slabs with room, none of them empty.
void MakeRoom() {
  std::array<void*, 4096> blocks;
  for (void*& block : blocks) block = Take();
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i % kStayEvery != 0) free(blocks[i]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  constexpr char kOption[] = "--rounds=";
  if (argc != 2 || strncmp(argv[1], kOption, strlen(kOption)) != 0) {
    fputs("usage: trips --rounds=N\n", stderr);
    return 2;
  }
  const uint64_t rounds = strtoull(argv[1] + strlen(kOption), nullptr, 10);
  MakeRoom();
  std::array<void*, 1240> blocks;
  for (uint64_t i = 0; i < rounds; ++i) {
    for (void*& block : blocks) block = Take();
    for (void* block : blocks) free(block);
  }
  return 0;
}
