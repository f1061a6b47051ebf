// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Bulkhead's own static data that lies on key 0, overwritten word by word.

#include <cstdio>

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

TEST(GlobalsAttackTest, NoWordThatTheRootWritesOpensAVault) {
  const Outcome outcome = RunProgram(Preloaded().With({}));
  int words = 0, ended = 0, stolen = -1;
  const size_t summary = outcome.output.rfind("words=");
  ASSERT_NE(summary, std::string::npos) << outcome;
  ASSERT_EQ(std::sscanf(outcome.output.c_str() + summary,
                        "words=%d ended=%d stolen=%d", &words, &ended, &stolen),
            3)
      << outcome;
  EXPECT_EQ(stolen, 0) << outcome;
  EXPECT_GT(words, 10);
  // Each child ends by the report of its last act.
  EXPECT_GE(ended, words);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
}

}  // namespace
}  // namespace bulkhead
