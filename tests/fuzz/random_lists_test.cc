// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Lists made up at random, the same ones in every run.

#include <stdlib.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/fuzz/forked_run.h"
#include "tests/fuzz/random_operations.h"
#include "tests/support/scale.h"

namespace bulkhead_fuzz {
namespace {

using bulkhead_test::Scaled;

// A number that the environment gives in place of another.
uint64_t Given(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

int Lists() {
  return static_cast<int>(
      Given("BULKHEAD_FUZZ_LISTS", static_cast<uint64_t>(Scaled(300, 15))));
}

// Runs so many lists and returns how many ended their process.
int RunLists(Cast cast, int lists, uint64_t seed) {
  seed = Given("BULKHEAD_FUZZ_SEED", seed);
  int deaths = 0;
  for (int i = 0; i < lists; ++i) {
    Random random(seed + static_cast<uint64_t>(i));
    const OperationList list = RandomList(random, cast, 20 + random.Below(100));
    const Outcome outcome = RunInFork(list);
    if (outcome.died) ++deaths;
    EXPECT_TRUE(outcome.in_order) << "seed " << seed + static_cast<uint64_t>(i)
                                  << ": " << outcome.trouble << "\n"
                                  << outcome.messages << Print(list);
  }
  return deaths;
}

TEST(RandomListsTest, EveryoneKeepsToTheRules) {
  EXPECT_EQ(RunLists(Cast::kHonest, Lists(), 1000), 0);
}

TEST(RandomListsTest, ACompartmentIsHostile) {
  const int lists = Lists();
  const int deaths = RunLists(Cast::kHostile, lists, 2000);
  // It is caught now and then, and gets to do something now and then.
  EXPECT_GT(deaths, 0);
  EXPECT_LT(deaths, lists);
}

}  // namespace
}  // namespace bulkhead_fuzz
