// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/rate_table/rate_table.h"

#include <signal.h>

#include <memory>

#include "absl/strings/match.h"
#include "docs/examples/rate_table/readers.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace rate_table {
namespace {

using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::Watchdog;

TEST(RateTableTest, ReadersSeeWhatTheWriterWrote) {
  const Watchdog watchdog;
  auto table = RateTable::Create();
  ASSERT_TRUE(table.ok()) << table.status();
  const Readers readers(**table);
  for (uint64_t i = 0; i < static_cast<uint64_t>(Scaled(2000, 100)); ++i) {
    const size_t index = i % RateTable::kRates;
    ASSERT_TRUE((*table)->Set(index, RateOf(i)).ok());
    EXPECT_EQ((*table)->Get(index).bid, static_cast<int64_t>(i));
  }
  EXPECT_TRUE(
      bulkhead_test::Await([&readers] { return readers.lookups() != 0; }));
  EXPECT_EQ(readers.torn(), 0u);
}

TEST(RateTableTest, AStrayWriteIsCaughtAtTheInstruction) {
  auto table = RateTable::Create();
  ASSERT_TRUE(table.ok()) << table.status();
  const ChildResult child = RunInChild([&] { WriteAstray(**table); });
  EXPECT_TRUE(child.DiedOf(SIGABRT));
  EXPECT_TRUE(
      absl::StrContains(child.errors,
                        "SUMMARY: Bulkhead: compartment-write of 'rates' in "
                        "rate_table::WriteAstray"))
      << child.errors;
}

}  // namespace
}  // namespace rate_table
