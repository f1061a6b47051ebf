// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/libraries.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

constexpr char kLoader[] = "/lib64/ld-linux-x86-64.so.2";

TEST(ParseLibraryListTest, TakesPathsOnly) {
  EXPECT_THAT(
      ParseLibraryList("\tlinux-vdso.so.1 (0x00007ffd0)\n"
                       "\tlibm.so.6 => /lib/libm.so.6 (0x00007f0)\n"
                       "\tlibodd.so => not found\n"
                       "\t/lib64/ld-linux-x86-64.so.2 (0x00007f1)\n"
                       "\tlibx.so => /with space/(0x1)/libx.so (0x00007f2)\n"),
      ElementsAre("/lib/libm.so.6", "/lib64/ld-linux-x86-64.so.2",
                  "/with space/(0x1)/libx.so"));
  EXPECT_THAT(ParseLibraryList(""), IsEmpty());
}

TEST(ListLibrariesTest, AsksTheLoader) {
  EXPECT_THAT(ListLibraries(kLoader, "/usr/bin/true"),
              Contains(EndsWith("/libc.so.6")));
}

TEST(ListLibrariesTest, IsEmptyWhereTheLoaderCannotTell) {
  EXPECT_THAT(ListLibraries(kLoader, "/nonexistent"), IsEmpty());
  EXPECT_THAT(ListLibraries("/nonexistent", "/usr/bin/true"), IsEmpty());
}

}  // namespace
}  // namespace bulkhead
