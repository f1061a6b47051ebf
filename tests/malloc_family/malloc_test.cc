// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// malloc() and free().

#include <stdlib.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

TEST(Malloc, AlignsEverySizeTo16Bytes) {
  for (const size_t size : InterestingSizes(64 * kMiB)) {
    void* const p = malloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(IsAligned(p, kBlockAlignment)) << size << " bytes at " << p;
    free(p);
  }
}

TEST(Malloc, ServesMemoryThatHoldsWhatIsWritten) {
  std::vector<void*> blocks;
  const std::vector<size_t> sizes = InterestingSizes(256 * 1024);
  for (const size_t size : sizes) {
    blocks.push_back(malloc(size));
    ASSERT_NE(blocks.back(), nullptr) << size;
    Fill(blocks.back(), size, static_cast<uint32_t>(size));
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(IsFilled(blocks[i], sizes[i], static_cast<uint32_t>(sizes[i])))
        << "a block of " << sizes[i] << " bytes shares memory with another";
    free(blocks[i]);
  }
}

TEST(Malloc, ZeroBytesAreUniqueAndFreeable) {
  std::set<void*> blocks;
  for (int i = 0; i < 1000; ++i) {
    void* const p = malloc(Hide(size_t{0}));
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(blocks.insert(p).second) << p << " was handed out twice";
  }
  for (void* const p : blocks) free(p);
}

TEST(Malloc, SizesAbovePtrdiffMaxFailWithEnomem) {
  for (const size_t size : {kLargestSize + 1, kLargestSize + 2,
                            SIZE_MAX - kPageSize, SIZE_MAX - 15, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return malloc(Hide(size)); }, ENOMEM);
  }
}

TEST(Malloc, MoreThanTheAddressSpaceFailsWithEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize - kPageSize,
                            size_t{1} << 62, size_t{1} << 48}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return malloc(Hide(size)); }, ENOMEM);
  }
}

TEST(Malloc, GoesOnAfterAFailure) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(malloc(Hide(SIZE_MAX)), nullptr);
    void* const p = malloc(100);
    ASSERT_NE(p, nullptr);
    Fill(p, 100, 1);
    free(p);
  }
}

TEST(Malloc, ServesAGibibyteThatIsHardlyTouched) {
  const size_t size = size_t{1} << 30;
  auto* const p = static_cast<char*>(malloc(Hide(size)));
  ASSERT_NE(p, nullptr);
  for (size_t offset = 0; offset < size; offset += size / 16) p[offset] = 1;
  p[size - 1] = 1;
  EXPECT_EQ(p[size / 2], 1);
  free(p);
}

TEST(Malloc, RandomTrafficKeepsEveryBlockIntact) {
  struct Block {
    void* p;
    size_t size;
    uint32_t seed;
  };
  std::mt19937 random(20260101);
  std::vector<Block> live;
  const std::vector<size_t> sizes = InterestingSizes(32 * 1024);
  for (uint32_t step = 0; step < 40000; ++step) {
    if (live.size() < 200 || (random() % 2 == 0 && live.size() < 2000)) {
      const size_t size = sizes[random() % sizes.size()];
      void* const p = malloc(size);
      ASSERT_NE(p, nullptr);
      Fill(p, std::min(size, size_t{512}), step);
      live.push_back({p, std::min(size, size_t{512}), step});
    } else {
      std::swap(live[random() % live.size()], live.back());
      ASSERT_TRUE(IsFilled(live.back().p, live.back().size, live.back().seed));
      free(live.back().p);
      live.pop_back();
    }
  }
  for (const Block& block : live) {
    ASSERT_TRUE(IsFilled(block.p, block.size, block.seed));
    free(block.p);
  }
}

TEST(Free, TakesNull) {
  errno = 7;
  free(Hide<void*>(nullptr));
  EXPECT_EQ(errno, 7);
}

TEST(Free, KeepsErrno) {
  // The large ones go back to the kernel, whose answer must not shine through.
  for (const size_t size : InterestingSizes(64 * kMiB)) {
    void* const p = malloc(size);
    ASSERT_NE(p, nullptr) << size;
    errno = 12345;
    free(p);
    EXPECT_EQ(errno, 12345) << size;
  }
}

TEST(Free, MemoryIsUsedAgain) {
  const auto one_round = [] {
    for (int i = 0; i < 200; ++i) {
      void* const large = malloc(2 * kMiB);
      ASSERT_NE(large, nullptr);
      Fill(large, 2 * kMiB, 1);
      free(large);
      std::vector<void*> small;
      for (int block = 0; block < 100; ++block) {
        small.push_back(malloc(1000));
        Fill(small.back(), 1000, 2);
      }
      for (void* const p : small) free(p);
    }
  };
  one_round();
  const size_t before = ResidentBytes();
  one_round();
  // A heap that never reused would have grown by 420 MB.
  EXPECT_LT(ResidentBytes(), before + 32 * kMiB);
}

}  // namespace
}  // namespace bulkhead
