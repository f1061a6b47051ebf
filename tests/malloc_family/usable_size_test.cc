// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// malloc_usable_size().

#include <malloc.h>
#include <stdlib.h>

#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

TEST(MallocUsableSize, OfNullIsZero) {
  EXPECT_EQ(malloc_usable_size(nullptr), 0u);
}

TEST(MallocUsableSize, IsAtLeastTheRequestAndAllOfItIsUsable) {
  const std::vector<size_t> sizes = InterestingSizes(4 * kMiB);
  std::vector<void*> blocks;
  for (size_t i = 0; i < sizes.size(); ++i) {
    void* const p = malloc(sizes[i]);
    ASSERT_NE(p, nullptr);
    EXPECT_GE(malloc_usable_size(p), sizes[i]);
    Fill(p, malloc_usable_size(p), static_cast<uint32_t>(i));
    blocks.push_back(p);
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(IsFilled(blocks[i], malloc_usable_size(blocks[i]),
                         static_cast<uint32_t>(i)))
        << "the usable end of a block of " << sizes[i]
        << " bytes belongs to another block too";
    free(blocks[i]);
  }
}

TEST(MallocUsableSize, StaysTheSameWhileTheBlockLives) {
  for (const size_t size : InterestingSizes(kMiB)) {
    void* const p = malloc(size);
    ASSERT_NE(p, nullptr);
    const size_t usable = malloc_usable_size(p);
    Fill(p, usable, 1);
    EXPECT_EQ(malloc_usable_size(p), usable);
    free(p);
  }
}

TEST(MallocUsableSize, CoversAlignedBlocks) {
  for (size_t alignment = 16; alignment <= kMiB; alignment *= 2) {
    for (const size_t size : {1, 100, 5000, 100000}) {
      void* const p = memalign(alignment, size);
      ASSERT_NE(p, nullptr);
      EXPECT_GE(malloc_usable_size(p), size);
      Fill(p, malloc_usable_size(p), 1);
      free(p);
    }
  }
}

TEST(MallocUsableSize, WastesLittle) {
  // Twice the request is what the coarsest allocators in use reach.
  for (const size_t size : InterestingSizes(64 * kMiB)) {
    void* const p = malloc(size);
    ASSERT_NE(p, nullptr);
    EXPECT_LE(malloc_usable_size(p), 2 * size + 32) << size;
    free(p);
  }
}

}  // namespace
}  // namespace bulkhead
