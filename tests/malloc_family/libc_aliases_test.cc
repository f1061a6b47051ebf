// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// glibc's second names for the family, which some programs call to get past a
// wrapper of their own. They must lead to the same heap: a block that one name
// serves and another frees is the test.

#include <malloc.h>
#include <stdlib.h>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* p, size_t size);
void __libc_free(void* p);
void* __libc_memalign(size_t alignment, size_t size);
void* __libc_valloc(size_t size);
void* __libc_pvalloc(size_t size);
}

namespace bulkhead {
namespace {

const size_t kSizes[] = {0, 1, 16, 100, 1000, 4096, 20000, 200000, 3 * kMiB};

TEST(LibcAliases, ServeBlocksThatFreeTakes) {
  for (const size_t size : kSizes) {
    for (void* const p :
         {__libc_malloc(size), __libc_calloc(size, 1), __libc_calloc(1, size),
          __libc_realloc(nullptr, size), __libc_memalign(256, size),
          __libc_valloc(size), __libc_pvalloc(size)}) {
      ASSERT_NE(p, nullptr) << size;
      EXPECT_TRUE(IsAligned(p, kBlockAlignment));
      EXPECT_GE(malloc_usable_size(p), size);
      Fill(p, size, 1);
      free(p);
    }
  }
}

TEST(LibcAliases, FreeTakesBlocksOfTheFamily) {
  for (const size_t size : kSizes) {
    for (void* const p : {malloc(size), calloc(1, size), memalign(256, size),
                          valloc(size), pvalloc(size)}) {
      ASSERT_NE(p, nullptr) << size;
      errno = 7;
      __libc_free(p);
      EXPECT_EQ(errno, 7);
    }
  }
  __libc_free(nullptr);
}

TEST(LibcAliases, ReallocTakesBlocksOfTheFamily) {
  for (const size_t size : kSizes) {
    void* p = malloc(size + 1);
    ASSERT_NE(p, nullptr);
    Fill(p, size + 1, 4);
    p = __libc_realloc(p, 2 * size + 100);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(IsFilled(p, size + 1, 4));
    p = realloc(p, 1);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(__libc_realloc(p, Hide(size_t{0})), nullptr);
  }
}

TEST(LibcAliases, CallocZeroes) {
  for (const size_t size : kSizes) {
    void* const dirty = __libc_malloc(size);
    ASSERT_NE(dirty, nullptr);
    Fill(dirty, size, 0xff);
    __libc_free(dirty);
    void* const p = __libc_calloc(1, size);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(IsZero(p, size));
    __libc_free(p);
  }
}

TEST(LibcAliases, Align) {
  for (const size_t size : kSizes) {
    void* const page = __libc_valloc(size);
    void* const pages = __libc_pvalloc(size);
    void* const rounded = __libc_memalign(48, size);
    EXPECT_TRUE(IsAligned(page, kPageSize));
    EXPECT_TRUE(IsAligned(pages, kPageSize));
    EXPECT_TRUE(IsAligned(rounded, 64));
    for (void* const p : {page, pages, rounded}) __libc_free(p);
  }
}

TEST(LibcAliases, AbsurdSizesFailWithEnomem) {
  for (const size_t size : {kLargestSize, kLargestSize + 1, SIZE_MAX}) {
    SCOPED_TRACE(size);
    ExpectFailure([&] { return __libc_malloc(Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return __libc_calloc(Hide(size), 3); }, ENOMEM);
    ExpectFailure([&] { return __libc_realloc(nullptr, Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return __libc_memalign(64, Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return __libc_valloc(Hide(size)); }, ENOMEM);
    ExpectFailure([&] { return __libc_pvalloc(Hide(size)); }, ENOMEM);
  }
}

TEST(LibcAliases, MemalignRefusesWhatCannotBeRoundedUp) {
  ExpectFailure([] { return __libc_memalign(Hide(SIZE_MAX), 16); }, EINVAL);
}

}  // namespace
}  // namespace bulkhead
