// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A process that starts under a filter on system calls which refuses Bulkhead
// what it needs, or answers "done" and does nothing: it must not start as
// though it were protected.

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"
#include "tests/attacks/system_call_filter.h"
#include "tests/support/child.h"

namespace {

using bulkhead_test::Answer;
using bulkhead_test::ChildResult;

// Set in the children: they say what level is in force and leave.
constexpr char kChild[] = "BULKHEAD_START_ATTACK_CHILD";

// The level is the exit status, from here on.
constexpr int kFirstLevel = 10;

ChildResult StartUnder(int number, unsigned error, const char* options) {
  return bulkhead_test::RunInChild([&] {
    setenv("BULKHEAD_OPTIONS", options, 1);
    setenv(kChild, "1", 1);
    Answer(number, error);
    execl("/proc/self/exe", "start_attack_test", nullptr);
    _exit(99);
  });
}

// As the man page of pkey_alloc() says, and 0: key 0 for each, were it true.
constexpr unsigned kAnswers[] = {0, EPERM, ENOSYS, EINVAL, ENOSPC};

TEST(StartAttackTest, WithoutKeysTheLevelIsLower) {
  for (const unsigned answer : kAnswers) {
    const ChildResult child = StartUnder(SYS_pkey_alloc, answer, "");
    EXPECT_TRUE(child.ExitedWith(kFirstLevel + BH_LEVEL_MPROTECT))
        << answer << ": " << child.code << child.errors;
  }
}

TEST(StartAttackTest, WithoutKeysNothingStartsThatRequiresThem) {
  for (const unsigned answer : kAnswers) {
    const ChildResult child = StartUnder(SYS_pkey_alloc, answer, "require=pku");
    EXPECT_TRUE(child.ExitedWith(2))
        << answer << ": " << child.code << child.errors;
    EXPECT_EQ(child.errors.rfind("bulkhead: require=pku, but ", 0), 0u)
        << child.errors;
  }
}

// Pages that are not tagged are closed to everyone, Bulkhead included.
TEST(StartAttackTest, NothingStartsWhereNoPageIsTagged) {
  for (const unsigned answer : {0, EPERM, ENOSYS}) {
    const ChildResult child = StartUnder(SYS_pkey_mprotect, answer, "");
    if (bh_get_level() == BH_LEVEL_PKU) {
      EXPECT_FALSE(child.exited) << answer << ": " << child.code;
    } else {
      EXPECT_TRUE(child.ExitedWith(kFirstLevel + BH_LEVEL_MPROTECT))
          << child.code << child.errors;
    }
  }
}

TEST(StartAttackTest, NothingStartsWhereNothingCanBeSettled) {
  for (const unsigned answer : {0, EPERM}) {
    const ChildResult child = StartUnder(SYS_mprotect, answer, "");
    EXPECT_FALSE(child.ExitedWith(kFirstLevel + BH_LEVEL_PKU) ||
                 child.ExitedWith(kFirstLevel + BH_LEVEL_MPROTECT))
        << answer;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (getenv(kChild) != nullptr) {
    // Real work on the heap first.
    std::string text;
    for (int i = 0; i < 10000; ++i) text += std::to_string(i);
    if (text.size() != 38890) _exit(1);
    _exit(kFirstLevel + static_cast<int>(bh_get_level()));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
