// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The pages of sealed.h hold what they should, and nothing that the rest of the
// process writes.

#include <cstdlib>
#include <vector>

#include "gtest/gtest.h"
#include "isolation/base/sealed.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

BULKHEAD_SEALED constinit volatile int sealed = 1;
BULKHEAD_CONSTANT_AFTER_START constinit volatile int settled = 1;
constinit volatile int elsewhere = 1;
constinit volatile int elsewhere_and_zero = 0;

bool Holds(PageRange pages, const volatile void* address) {
  return reinterpret_cast<uintptr_t>(address) - pages.begin < pages.bytes;
}

TEST(PagesTest, AreWhole) {
  for (const PageRange pages : {SealedData(), SettledData()}) {
    EXPECT_GT(pages.bytes, 0u);
    EXPECT_EQ(pages.begin % kPageBytes, 0u);
    EXPECT_EQ(pages.bytes % kPageBytes, 0u);
  }
}

TEST(PagesTest, HoldWhatCarriesTheirName) {
  EXPECT_TRUE(Holds(SealedData(), &sealed));
  EXPECT_TRUE(Holds(SettledData(), &settled));
  for (const PageRange pages : {SealedData(), SettledData()}) {
    EXPECT_FALSE(Holds(pages, &elsewhere));
    EXPECT_FALSE(Holds(pages, &elsewhere_and_zero));
  }
  EXPECT_FALSE(Holds(SealedData(), &settled));
  EXPECT_FALSE(Holds(SettledData(), &sealed));
}

TEST(PagesTest, SettledOnesCanBeReadOnly) {
  free(malloc(1));
  const PageRange pages = SettledData();
  ASSERT_EQ(sys::Mprotect(pages.begin, pages.bytes, PROT_READ), 0);
  std::vector<void*> blocks;
  for (size_t size = 1; size < (size_t{1} << 22); size *= 2) {
    blocks.push_back(malloc(size));
  }
  for (void* block : blocks) free(block);
  elsewhere = elsewhere_and_zero + 1;
  EXPECT_DEATH(settled = 2, "");
  ASSERT_EQ(sys::Mprotect(pages.begin, pages.bytes, PROT_READ | PROT_WRITE), 0);
}

}  // namespace
}  // namespace bulkhead
