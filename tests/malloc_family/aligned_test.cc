// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// memalign(), aligned_alloc(), posix_memalign(), valloc() and pvalloc().

#include <malloc.h>
#include <stdlib.h>

#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

const size_t kSizes[] = {0,    1,    7,     8,     16,   100,     1000,
                         4095, 4096, 10000, 70000, kMiB, 3 * kMiB};

void* PosixMemalign(size_t alignment, size_t size) {
  void* p = nullptr;
  return posix_memalign(&p, alignment, size) == 0 ? p : nullptr;
}

struct Function {
  const char* name;
  void* (*allocate)(size_t alignment, size_t size);
  size_t smallest_alignment;
};

const Function kFunctions[] = {
    {"memalign", memalign, 1},
    {"aligned_alloc", aligned_alloc, 1},
    {"posix_memalign", PosixMemalign, sizeof(void*)},
};

class AlignedAllocation : public testing::TestWithParam<Function> {};

TEST_P(AlignedAllocation, HonoursEveryPowerOfTwo) {
  for (size_t alignment = GetParam().smallest_alignment; alignment <= 8 * kMiB;
       alignment *= 2) {
    for (const size_t size : kSizes) {
      void* const p = GetParam().allocate(alignment, size);
      ASSERT_NE(p, nullptr) << size << " bytes at " << alignment;
      EXPECT_TRUE(IsAligned(p, alignment)) << size << " at " << alignment;
      EXPECT_TRUE(IsAligned(p, kBlockAlignment)) << size << " at " << alignment;
      EXPECT_GE(malloc_usable_size(p), size);
      Fill(p, size, 1);
      EXPECT_TRUE(IsFilled(p, size, 1));
      free(p);
    }
  }
}

TEST_P(AlignedAllocation, BlocksOfOneAlignmentDoNotOverlap) {
  for (size_t alignment = 16; alignment <= 64 * 1024; alignment *= 8) {
    std::vector<void*> blocks;
    for (uint32_t i = 0; i < 50; ++i) {
      blocks.push_back(GetParam().allocate(alignment, 200 + i));
      ASSERT_NE(blocks.back(), nullptr);
      Fill(blocks.back(), 200 + i, i);
    }
    for (uint32_t i = 0; i < 50; ++i) {
      EXPECT_TRUE(IsFilled(blocks[i], 200 + i, i)) << alignment;
      free(blocks[i]);
    }
  }
}

TEST_P(AlignedAllocation, AbsurdSizesFail) {
  for (const size_t alignment : {size_t{8}, size_t{64}, size_t{4096}, kMiB}) {
    for (const size_t size :
         {kLargestSize, kLargestSize + 1, SIZE_MAX - alignment, SIZE_MAX}) {
      EXPECT_EQ(GetParam().allocate(alignment, Hide(size)), nullptr)
          << size << " at " << alignment;
    }
  }
}

TEST_P(AlignedAllocation, AnAlignmentAboveTheAddressSpaceFails) {
  EXPECT_EQ(GetParam().allocate(Hide(size_t{1} << 63), 16), nullptr);
  EXPECT_EQ(GetParam().allocate(Hide(size_t{1} << 62), 16), nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, AlignedAllocation, testing::ValuesIn(kFunctions),
                         [](const testing::TestParamInfo<Function>& function) {
                           return std::string(function.param.name);
                         });

TEST(Memalign, RoundsTheAlignmentUpToAPowerOfTwo) {
  const size_t cases[][2] = {{0, 16},      {3, 16},         {24, 32},
                             {48, 64},     {65, 128},       {1000, 1024},
                             {4097, 8192}, {kMiB - 1, kMiB}};
  for (const auto& [given, expected] : cases) {
    for (const size_t size : kSizes) {
      void* const p = memalign(given, size);
      ASSERT_NE(p, nullptr) << size << " bytes at " << given;
      EXPECT_TRUE(IsAligned(p, expected)) << size << " bytes at " << given;
      Fill(p, size, 1);
      free(p);
    }
  }
}

TEST(Memalign, AnAlignmentThatCannotBeRoundedUpIsEinval) {
  for (const size_t alignment : {(size_t{1} << 63) + 1, SIZE_MAX}) {
    SCOPED_TRACE(alignment);
    ExpectFailure([&] { return memalign(Hide(alignment), 16); }, EINVAL);
  }
}

TEST(Memalign, AbsurdSizesSetEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize + 1, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return memalign(64, Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return memalign(8, Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return memalign(kMiB, Hide(size)); }, ENOMEM);
  }
}

TEST(AlignedAlloc, AbsurdSizesSetEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize + 1, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return aligned_alloc(64, Hide(size)); }, ENOMEM);
  }
}

TEST(AlignedAlloc, TheSizeNeedBeNoMultipleOfTheAlignment) {
  void* const p = aligned_alloc(4096, 10);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(IsAligned(p, 4096));
  free(p);
}

// glibc rounded such an alignment up until 2.37 and refuses it since. A program
// may meet either, but never a block that is aligned to less.
TEST(AlignedAlloc, AnAlignmentThatIsNoPowerOfTwoIsRoundedUpOrRefused) {
  for (const size_t alignment : {24, 48, 1000, 4097}) {
    errno = 0;
    void* const p = aligned_alloc(Hide(alignment), 100);
    if (p == nullptr) {
      EXPECT_EQ(errno, EINVAL) << alignment;
    } else {
      size_t rounded = 16;
      while (rounded < alignment) rounded *= 2;
      EXPECT_TRUE(IsAligned(p, rounded)) << alignment;
      free(p);
    }
  }
}

class PosixMemalignFailure : public testing::Test {
 protected:
  // Expects `error` as the result, and the out-pointer as it was.
  static void ExpectError(size_t alignment, size_t size, int error) {
    SCOPED_TRACE(testing::Message() << size << " bytes at " << alignment);
    char untouched = 0;
    void* p = &untouched;
    errno = 7;
    EXPECT_EQ(posix_memalign(&p, Hide(alignment), Hide(size)), error);
    EXPECT_EQ(p, &untouched);
    // glibc leaves ENOMEM behind when it found no memory; POSIX leaves errno.
    if (error == EINVAL || OnBulkhead()) {
      EXPECT_EQ(errno, 7);
    }
  }
};

TEST_F(PosixMemalignFailure, BadAlignmentsAreEinval) {
  for (const size_t alignment :
       {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{7}, size_t{9},
        size_t{12}, size_t{24}, size_t{48}, size_t{4097}, SIZE_MAX,
        (size_t{1} << 63) + 8}) {
    ExpectError(alignment, 100, EINVAL);
    ExpectError(alignment, 0, EINVAL);
    ExpectError(alignment, SIZE_MAX, EINVAL);
  }
}

TEST_F(PosixMemalignFailure, AbsurdSizesAreEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize + 1, SIZE_MAX}) {
    ExpectError(8, size, ENOMEM);
    ExpectError(16, size, ENOMEM);
    ExpectError(4096, size, ENOMEM);
    ExpectError(kMiB, size, ENOMEM);
  }
}

TEST(PosixMemalign, ZeroBytesAreUniqueAndFreeable) {
  void* a = nullptr;
  void* b = nullptr;
  ASSERT_EQ(posix_memalign(&a, 64, Hide(size_t{0})), 0);
  ASSERT_EQ(posix_memalign(&b, 64, Hide(size_t{0})), 0);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  EXPECT_NE(a, b);
  free(a);
  free(b);
}

TEST(PosixMemalign, SuccessKeepsErrno) {
  void* p = nullptr;
  errno = 7;
  ASSERT_EQ(posix_memalign(&p, 4096, 100000), 0);
  EXPECT_EQ(errno, 7);
  free(p);
}

TEST(Valloc, AlignsToPages) {
  for (const size_t size : kSizes) {
    void* const p = valloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(IsAligned(p, kPageSize)) << size;
    Fill(p, size, 1);
    free(p);
  }
}

TEST(Valloc, AbsurdSizesSetEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize + 1, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return valloc(Hide(size)); }, ENOMEM);
  }
}

TEST(Pvalloc, AlignsToPagesAndServesWholePages) {
  for (const size_t size : kSizes) {
    void* const p = pvalloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(IsAligned(p, kPageSize)) << size;
    const size_t whole = (size + kPageSize - 1) / kPageSize * kPageSize;
    EXPECT_GE(malloc_usable_size(p), whole);
    Fill(p, whole, 1);
    free(p);
  }
}

TEST(Pvalloc, AbsurdSizesSetEnomem) {
  // The last ones overflow when they are rounded up.
  for (const size_t size : {kLargestSize, kLargestSize + 1,
                            SIZE_MAX - kPageSize, SIZE_MAX - 1, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return pvalloc(Hide(size)); }, ENOMEM);
  }
}

}  // namespace
}  // namespace bulkhead
