// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The timer of this folder on a program of its own: it ticks, in forked
// children too, allocates where it should, and leaves its counts.

#include <stdio.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

struct Counts {
  unsigned long ticks = 0;
  unsigned long allocations = 0;
};

class Ticker : public testing::TestWithParam<Variant (*)()> {
 protected:
  // The sums over all processes of the child's, and how many there were.
  Counts Run(const char* mode, int expected_processes) {
    const std::string path = testing::TempDir() + "/ticks";
    remove(path.c_str());
    const Variant variant = GetParam()();
    Command command = variant.With({});
    const std::string folder =
        child_paths.plain.substr(0, child_paths.plain.rfind('/'));
    std::string preload = "LD_PRELOAD=" + folder + "/ticker.so";
    if (!variant.library.empty()) preload += ":" + variant.library;
    command.variables = {preload, std::string("BULKHEAD_TICKER=") + mode,
                         "BULKHEAD_TICKER_STATS=" + path};
    command.seconds = 60;
    const Outcome outcome = RunProgram(command);
    EXPECT_TRUE(outcome.ExitedWith(0)) << outcome;
    Counts sum;
    int processes = 0;
    if (FILE* const file = fopen(path.c_str(), "r")) {
      Counts one;
      int pid;
      while (fscanf(file,
                    "ticker: pid=%d program=%*s ticks=%lu allocations=%lu ",
                    &pid, &one.ticks, &one.allocations) == 3) {
        EXPECT_GT(one.ticks, 0u) << "process " << pid;
        sum.ticks += one.ticks;
        sum.allocations += one.allocations;
        ++processes;
      }
      fclose(file);
    }
    EXPECT_EQ(processes, expected_processes);
    return sum;
  }
};

TEST_P(Ticker, Counts) {
  const Counts counts = Run("count", 2);
  EXPECT_GE(counts.ticks, 200u);
  EXPECT_EQ(counts.allocations, 0u);
}

TEST_P(Ticker, Allocates) {
  const Counts counts = Run("allocate", 2);
  EXPECT_GE(counts.ticks, 200u);
  // A program that malloc is linked into is closed as a whole, so that there
  // may be none in it.
  const unsigned long least = GetParam() == Linked ? 0 : 20;
  EXPECT_GE(counts.allocations, least);
}

INSTANTIATE_TEST_SUITE_P(
    All, Ticker, testing::Values(&OnGlibc, &Preloaded, &Linked),
    [](const testing::TestParamInfo<Variant (*)()>& place) {
      return std::string(place.param().name);
    });

}  // namespace
}  // namespace bulkhead
