// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// realloc() and reallocarray().

#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

// From each of these to each other one: within a class, across classes, between
// small and large, and in place or moved.
const size_t kSizes[] = {1,      8,      15,      16,       17,
                         24,     100,    1000,    4000,     4096,
                         5000,   14000,  16384,   16385,    60000,
                         131072, 140000, 1000000, 2 * kMiB, 5 * kMiB};

TEST(Realloc, KeepsTheContentAndAligns) {
  for (const size_t from : kSizes) {
    for (const size_t to : kSizes) {
      void* p = malloc(from);
      ASSERT_NE(p, nullptr);
      Fill(p, from, 42);
      p = realloc(p, to);
      ASSERT_NE(p, nullptr) << from << " to " << to;
      EXPECT_TRUE(IsAligned(p, kBlockAlignment)) << from << " to " << to;
      EXPECT_TRUE(IsFilled(p, std::min(from, to), 42))
          << "content lost from " << from << " to " << to;
      Fill(p, to, 43);
      free(p);
    }
  }
}

TEST(Realloc, GrowsAndShrinksStepByStep) {
  size_t size = 1;
  auto* p = static_cast<unsigned char*>(malloc(size));
  ASSERT_NE(p, nullptr);
  p[0] = 1;
  while (size < 64 * kMiB) {
    const size_t larger = size + size / 3 + 1;
    p = static_cast<unsigned char*>(realloc(p, larger));
    ASSERT_NE(p, nullptr) << larger;
    EXPECT_EQ(p[0], 1);
    EXPECT_EQ(p[size - 1], 1) << "the end was lost on the way to " << larger;
    p[larger - 1] = 1;
    size = larger;
  }
  while (size > 1) {
    p[size / 2] = 2;
    size = size / 2 + 1;
    p = static_cast<unsigned char*>(realloc(p, size));
    ASSERT_NE(p, nullptr) << size;
    EXPECT_EQ(p[0], size == 2 ? p[0] : 1);
    EXPECT_EQ(p[size - 1], 2) << "the end was lost on the way to " << size;
    if (size == 2) break;
  }
  free(p);
}

TEST(Realloc, NullIsMalloc) {
  for (const size_t size : kSizes) {
    void* const p = realloc(Hide<void*>(nullptr), size);
    ASSERT_NE(p, nullptr) << size;
    Fill(p, size, 1);
    free(p);
  }
}

TEST(Realloc, NullAndZeroIsMallocOfZero) {
  void* const a = realloc(Hide<void*>(nullptr), Hide(size_t{0}));
  void* const b = realloc(Hide<void*>(nullptr), Hide(size_t{0}));
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  EXPECT_NE(a, b);
  free(a);
  free(b);
}

TEST(Realloc, ToZeroFreesAndReturnsNull) {
  const auto one_round = [] {
    for (int i = 0; i < 100; ++i) {
      void* const p = malloc(2 * kMiB);
      ASSERT_NE(p, nullptr);
      Fill(p, 2 * kMiB, 1);
      errno = 7;
      EXPECT_EQ(realloc(p, Hide(size_t{0})), nullptr);
      EXPECT_EQ(errno, 7) << "freeing is no failure";
    }
  };
  one_round();
  const size_t before = ResidentBytes();
  one_round();
  EXPECT_LT(ResidentBytes(), before + 32 * kMiB) << "the blocks were not freed";
}

TEST(Realloc, FailureLeavesTheBlockAlone) {
  for (const size_t size : kSizes) {
    void* const p = malloc(size);
    ASSERT_NE(p, nullptr);
    Fill(p, size, 9);
    for (const size_t absurd :
         {kLargestSize, kLargestSize + 1, SIZE_MAX - 15, SIZE_MAX}) {
      SCOPED_TRACE(absurd);
      ExpectFailure([&] { return realloc(p, Hide(absurd)); }, ENOMEM);
    }
    EXPECT_TRUE(IsFilled(p, size, 9)) << size;
    free(p);
  }
}

TEST(Realloc, TakesBlocksOfEveryFunction) {
  const size_t size = 3000;
  void* from_posix_memalign = nullptr;
  ASSERT_EQ(posix_memalign(&from_posix_memalign, 1024, size), 0);
  for (void* p : {malloc(size), calloc(1, size), aligned_alloc(4096, size),
                  memalign(256, size), valloc(size), from_posix_memalign}) {
    ASSERT_NE(p, nullptr);
    Fill(p, size, 5);
    p = realloc(p, 10 * size);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(IsFilled(p, size, 5));
    p = realloc(p, 10);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(IsFilled(p, 10, 5));
    free(p);
  }
}

TEST(Realloc, UsesWhatUsableSizePromised) {
  for (const size_t size : kSizes) {
    void* p = malloc(size);
    ASSERT_NE(p, nullptr);
    const size_t usable = malloc_usable_size(p);
    Fill(p, usable, 6);
    p = realloc(p, 2 * usable + 1);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(IsFilled(p, usable, 6)) << size;
    free(p);
  }
}

TEST(Realloc, RandomTrafficKeepsTheContent) {
  struct Block {
    void* p = nullptr;
    size_t size = 0;
    uint32_t seed = 0;
  };
  std::mt19937 random(7);
  std::vector<Block> blocks(64);
  for (uint32_t step = 1; step < 20000; ++step) {
    Block& block = blocks[random() % blocks.size()];
    const size_t size = 1 + random() % (step % 64 == 0 ? 300000 : 2000);
    void* const p = realloc(block.p, size);
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(IsFilled(p, std::min(block.size, size), block.seed));
    block = {p, size, step};
    Fill(p, size, step);
  }
  for (const Block& block : blocks) free(block.p);
}

TEST(Reallocarray, MultipliesAndKeepsTheContent) {
  void* p = reallocarray(nullptr, 10, 100);
  ASSERT_NE(p, nullptr);
  Fill(p, 1000, 1);
  p = reallocarray(p, 100, 1000);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(IsFilled(p, 1000, 1));
  Fill(p, 100000, 2);
  p = reallocarray(p, 1, 7);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(IsFilled(p, 7, 2));
  free(p);
}

TEST(Reallocarray, OverflowFailsWithEnomemAndLeavesTheBlockAlone) {
  void* const p = malloc(100);
  ASSERT_NE(p, nullptr);
  Fill(p, 100, 3);
  const size_t half = size_t{1} << 32;
  const size_t cases[][2] = {{half, half},         {half + 1, half + 1},
                             {SIZE_MAX, 2},        {2, SIZE_MAX},
                             {SIZE_MAX, SIZE_MAX}, {1, kLargestSize + 1}};
  for (const auto& [count, size] : cases) {
    SCOPED_TRACE(testing::Message() << count << " times " << size);
    ExpectFailure(
        [&, c = count, s = size] { return reallocarray(p, Hide(c), Hide(s)); },
        ENOMEM);
    ExpectFailure(
        [c = count, s = size] {
          return reallocarray(nullptr, Hide(c), Hide(s));
        },
        ENOMEM);
  }
  EXPECT_TRUE(IsFilled(p, 100, 3));
  free(p);
}

TEST(Reallocarray, ToZeroFreesAndReturnsNull) {
  EXPECT_EQ(reallocarray(malloc(10), Hide(size_t{0}), 8), nullptr);
  EXPECT_EQ(reallocarray(malloc(10), 8, Hide(size_t{0})), nullptr);
}

}  // namespace
}  // namespace bulkhead
