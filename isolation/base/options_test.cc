// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/options.h"

#include <string>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

std::string ErrorOf(const char* text) {
  Options options;
  RawLine error;
  EXPECT_FALSE(ParseOptions(text, options, error)) << text;
  return error.text();
}

TEST(OptionsTest, DefaultsAreThoseOfTheList) {
  const Options options;
  EXPECT_EQ(options.keys_left, 2u);
  EXPECT_EQ(options.wipe, 1u);
  EXPECT_STREQ(options.stats_path, "");
}

TEST(OptionsTest, ReadsEveryKindInAnyOrder) {
  Options options;
  RawLine error;
  ASSERT_TRUE(
      ParseOptions("wipe=0:require=pku  backend=mprotect\tkeys_left=14\n"
                   "stats_path=/tmp/x:",
                   options, error))
      << error.text();
  EXPECT_EQ(options.wipe, 0u);
  EXPECT_EQ(options.require, static_cast<uint64_t>(Requirement::kPku));
  EXPECT_EQ(options.backend, static_cast<uint64_t>(Backend::kMprotect));
  EXPECT_EQ(options.keys_left, 14u);
  EXPECT_STREQ(options.stats_path, "/tmp/x");
}

TEST(OptionsTest, TheLastWordWins) {
  Options options;
  RawLine error;
  ASSERT_TRUE(ParseOptions("lock=1:lock=0", options, error));
  EXPECT_EQ(options.lock, 0u);
}

TEST(OptionsTest, EmptyTextChangesNothing) {
  Options options;
  RawLine error;
  EXPECT_TRUE(ParseOptions("", options, error));
  EXPECT_TRUE(ParseOptions(" :: ", options, error));
}

TEST(OptionsTest, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(ErrorOf("wipes=1"),
            "BULKHEAD_OPTIONS: unknown option 'wipes'; "
            "BULKHEAD_OPTIONS=help=1 lists them");
  EXPECT_EQ(ErrorOf("wip=1"),
            "BULKHEAD_OPTIONS: unknown option 'wip'; "
            "BULKHEAD_OPTIONS=help=1 lists them");
  EXPECT_EQ(ErrorOf("wipe"),
            "BULKHEAD_OPTIONS: option 'wipe' needs a value: wipe=0|1");
  EXPECT_EQ(ErrorOf("require=all"),
            "BULKHEAD_OPTIONS: require='all' is not one of none|mprotect|pku");
}

TEST(OptionsTest, RefusesValuesOutOfRange) {
  for (const char* text :
       {"wipe=2", "wipe=", "wipe=-1", "wipe=1x", "keys_left=15",
        "keys_left=99999999999999999999", "stack_kib=63",
        "require=", "require=pk", "require=none|mprotect", "stats_path="}) {
    EXPECT_NE(ErrorOf(text), "") << text;
  }
  EXPECT_NE(ErrorOf(("stats_path=" + std::string(256, 'x')).c_str()), "");
}

}  // namespace
}  // namespace bulkhead
