// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A library that comes by dlopen() into a program that has threads and a malloc
// already.

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

void ExpectServed(const char* who) {
  Command command = OnGlibc().With({child_paths.library, who});
  command.seconds = 60;
  const Outcome outcome = RunProgram(command);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
  EXPECT_EQ(outcome.output, "done\n");
}

TEST(LoadedLater, ServesTheThreadThatLoadedIt) { ExpectServed("first"); }
TEST(LoadedLater, ServesAThreadMadeAfter) { ExpectServed("younger"); }
TEST(LoadedLater, ServesAThreadMadeBefore) { ExpectServed("older"); }
TEST(LoadedLater, ServesAHandlerOfBefore) { ExpectServed("handler"); }

}  // namespace
}  // namespace bulkhead
