// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that are older than the library: it was loaded by dlopen().

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

TEST(OlderThread, UsesALibraryLoadedAfterItBegan) {
  Command command = OnGlibc().With({child_paths.library});
  command.seconds = 60;
  const Outcome outcome = RunProgram(command);
  EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
  EXPECT_EQ(outcome.output, "done\n") << outcome;
}

}  // namespace
}  // namespace bulkhead
