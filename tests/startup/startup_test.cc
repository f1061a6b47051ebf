// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a process says and does at its start, by BULKHEAD_OPTIONS.

#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using bulkhead_test::ChildResult;

// Set in the children: they say what level is in force and leave.
constexpr char kChild[] = "BULKHEAD_STARTUP_CHILD";

ChildResult Start(const std::string& options) {
  return bulkhead_test::RunInChild([&] {
    setenv("BULKHEAD_OPTIONS", options.c_str(), 1);
    setenv(kChild, "1", 1);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/proc/self/exe", "startup_test", nullptr);
    _exit(99);
  });
}

int LevelOf(const ChildResult& child) {
  return child.exited ? child.code - 10 : -1;
}

TEST(StartupTest, IsSilent) {
  const ChildResult child = Start("");
  EXPECT_EQ(child.errors, "");
  EXPECT_EQ(LevelOf(child), bh_get_level());
}

TEST(StartupTest, VerboseSaysWhatEnforces) {
  const ChildResult child = Start("verbose=1");
  EXPECT_TRUE(absl::StrContains(
      child.errors, bh_get_level() == BH_LEVEL_PKU
                        ? "compartments are enforced by 13 protection keys"
                        : "compartments are enforced by page protection"))
      << child.errors;
}

TEST(StartupTest, RequirePkuRefusesLess) {
  const ChildResult child = Start("require=pku");
  if (bh_get_level() == BH_LEVEL_PKU) {
    EXPECT_EQ(LevelOf(child), BH_LEVEL_PKU);
    return;
  }
  EXPECT_TRUE(child.ExitedWith(2));
  EXPECT_TRUE(absl::StartsWith(child.errors, "bulkhead: require=pku, but "))
      << child.errors;
}

TEST(StartupTest, RequirePkuRefusesTheOtherBackend) {
  const ChildResult child = Start("require=pku:backend=mprotect");
  EXPECT_TRUE(child.ExitedWith(2));
  EXPECT_EQ(child.errors,
            "bulkhead: require=pku, but backend=mprotect was asked for\n");
}

TEST(StartupTest, TheBackendCanBeChosen) {
  EXPECT_EQ(LevelOf(Start("backend=mprotect")), BH_LEVEL_MPROTECT);
  const ChildResult child = Start("backend=pku");
  if (bh_get_level() == BH_LEVEL_PKU) {
    EXPECT_EQ(LevelOf(child), BH_LEVEL_PKU);
  } else {
    EXPECT_TRUE(child.ExitedWith(2));
    EXPECT_TRUE(absl::StartsWith(child.errors,
                                 "bulkhead: backend=pku is not to be had: "))
        << child.errors;
  }
}

TEST(StartupTest, TooFewKeysAreNone) {
  // 15 keys, 5 fixed uses: with 10 left to others nothing is left for vaults.
  EXPECT_EQ(LevelOf(Start("keys_left=10")), BH_LEVEL_MPROTECT);
  EXPECT_TRUE(Start("keys_left=10:require=pku").ExitedWith(2));
  EXPECT_EQ(LevelOf(Start("keys_left=9")), bh_get_level());
}

TEST(StartupTest, BadOptionsAreOneMessage) {
  const ChildResult child = Start("wipes=1");
  EXPECT_TRUE(child.ExitedWith(2));
  EXPECT_EQ(child.errors,
            "bulkhead: BULKHEAD_OPTIONS: unknown option 'wipes'; "
            "BULKHEAD_OPTIONS=help=1 lists them\n");
}

TEST(StartupTest, HelpListsTheOptions) {
  const ChildResult child = Start("help=1");
  EXPECT_TRUE(child.ExitedWith(0));
  for (const char* name : {"\n  require=none|mprotect|pku  (default none)\n",
                           "\n  stack_kib=64..65536  (default 256)\n"}) {
    EXPECT_TRUE(absl::StrContains(child.errors, name)) << child.errors;
  }
}

TEST(StartupTest, AForcedSmallReservationWorks) {
  EXPECT_EQ(LevelOf(Start("reserve_gib=0")), bh_get_level());
}

}  // namespace

int main(int argc, char** argv) {
  if (getenv(kChild) != nullptr) {
    // Real work on the heap first.
    std::string text;
    for (int i = 0; i < 10000; ++i) absl::StrAppend(&text, i);
    if (text.size() != 38890) _exit(1);
    exit(10 + static_cast<int>(bh_get_level()));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
