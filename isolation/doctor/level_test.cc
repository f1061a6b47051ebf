// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/level.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;

MachineFacts Machine(KeyAbsence absence) {
  MachineFacts facts;
  facts.keys.absence = absence;
  facts.memory.reservation = 1;
  return facts;
}

TEST(DecideLevelTest, KeysDecide) {
  const LevelDecision with = DecideLevel(Machine(KeyAbsence::kNone), Options());
  EXPECT_EQ(with.level, Level::kPku);
  EXPECT_EQ(with.reason, "");
  for (KeyAbsence absence : {KeyAbsence::kNoCpu, KeyAbsence::kNoFsGsBase,
                             KeyAbsence::kRefused, KeyAbsence::kTooFew}) {
    const LevelDecision without = DecideLevel(Machine(absence), Options());
    EXPECT_EQ(without.level, Level::kMprotect);
    EXPECT_EQ(without.reason, AbsenceText(absence));
  }
}

TEST(DecideLevelTest, OptionsCanLowerTheLevel) {
  Options options;
  options.backend = static_cast<uint64_t>(Backend::kMprotect);
  const LevelDecision lowered =
      DecideLevel(Machine(KeyAbsence::kNone), options);
  EXPECT_EQ(lowered.level, Level::kMprotect);
  EXPECT_THAT(lowered.reason, HasSubstr("backend=mprotect was asked for"));
}

TEST(DecideLevelTest, OptionsCanForbidToStart) {
  Options backend;
  backend.backend = static_cast<uint64_t>(Backend::kPku);
  Options require;
  require.require = static_cast<uint64_t>(Requirement::kPku);
  for (const Options& options : {backend, require}) {
    EXPECT_EQ(DecideLevel(Machine(KeyAbsence::kNone), options).level,
              Level::kPku);
    const LevelDecision refused =
        DecideLevel(Machine(KeyAbsence::kNoCpu), options);
    EXPECT_EQ(refused.level, Level::kNone);
    EXPECT_THAT(refused.reason, HasSubstr("programs do not start"));
  }
}

TEST(DecideLevelTest, WithoutAddressSpaceNothingStarts) {
  MachineFacts facts = Machine(KeyAbsence::kNone);
  facts.memory.reservation = 0;
  EXPECT_EQ(DecideLevel(facts, Options()).level, Level::kNone);
}

}  // namespace
}  // namespace bulkhead
