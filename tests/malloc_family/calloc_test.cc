// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// calloc().

#include <stdlib.h>

#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

TEST(Calloc, AlignsAndZeroesEverySize) {
  for (const size_t size : InterestingSizes(16 * kMiB)) {
    void* const p = calloc(1, size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(IsAligned(p, kBlockAlignment)) << size;
    EXPECT_TRUE(IsZero(p, size)) << size;
    free(p);
  }
}

TEST(Calloc, ZeroesMemoryThatWasDirty) {
  for (const size_t size : InterestingSizes(4 * kMiB)) {
    // Enough blocks at once that some come back from every cache on the way.
    std::vector<void*> blocks(size <= 4096 ? 64 : 3);
    for (void*& p : blocks) {
      p = malloc(size);
      ASSERT_NE(p, nullptr);
      Fill(p, size, 0xa5);
    }
    for (void* const p : blocks) free(p);
    for (void*& p : blocks) {
      p = calloc(size, 1);
      ASSERT_NE(p, nullptr);
      EXPECT_TRUE(IsZero(p, size)) << size;
    }
    for (void* const p : blocks) free(p);
  }
}

TEST(Calloc, MultipliesItsArguments) {
  for (const size_t count : {1, 3, 7, 100, 1000}) {
    for (const size_t size : {1, 3, 16, 24, 1000}) {
      void* const p = calloc(count, size);
      ASSERT_NE(p, nullptr);
      EXPECT_TRUE(IsZero(p, count * size));
      Fill(p, count * size, 3);
      free(p);
    }
  }
}

TEST(Calloc, ZeroElementsAreUniqueAndFreeable) {
  const size_t zero = Hide(size_t{0});
  std::set<void*> blocks;
  for (int i = 0; i < 100; ++i) {
    for (void* const p : {calloc(zero, 8), calloc(8, zero), calloc(zero, zero),
                          calloc(zero, Hide(SIZE_MAX))}) {
      ASSERT_NE(p, nullptr);
      EXPECT_TRUE(blocks.insert(p).second) << p << " was handed out twice";
    }
  }
  for (void* const p : blocks) free(p);
}

TEST(Calloc, OverflowFailsWithEnomem) {
  const size_t half = size_t{1} << 32;
  const size_t cases[][2] = {
      {half, half},          // the product is 0
      {half + 1, half + 1},  // the product is small
      {SIZE_MAX, 2},         {2, SIZE_MAX},
      {SIZE_MAX, SIZE_MAX},  {SIZE_MAX / 16 + 1, 16},
      {3, SIZE_MAX / 3 + 1},
  };
  for (const auto& [count, size] : cases) {
    SCOPED_TRACE(testing::Message() << count << " times " << size);
    ExpectFailure([c = count, s = size] { return calloc(Hide(c), Hide(s)); },
                  ENOMEM);
  }
}

TEST(Calloc, ProductsAbovePtrdiffMaxFailWithEnomem) {
  for (const auto& [count, size] :
       {std::pair<size_t, size_t>{1, kLargestSize + 1},
        {2, kLargestSize / 2 + 1},
        {SIZE_MAX, 1},
        {1, SIZE_MAX}}) {
    SCOPED_TRACE(testing::Message() << count << " times " << size);
    ExpectFailure([c = count, s = size] { return calloc(Hide(c), Hide(s)); },
                  ENOMEM);
  }
}

TEST(Calloc, AGibibyteOfZerosTakesNoMemory) {
  const size_t before = ResidentBytes();
  const size_t size = size_t{1} << 30;
  auto* const p = static_cast<char*>(calloc(Hide(size), 1));
  ASSERT_NE(p, nullptr);
  EXPECT_LT(ResidentBytes(), before + 64 * kMiB)
      << "fresh pages are zero already; clearing them makes them resident";
  for (size_t offset = 0; offset < size; offset += size / 16) {
    EXPECT_EQ(p[offset], 0);
  }
  free(p);
}

}  // namespace
}  // namespace bulkhead
