// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The text of lists of operations, and lists made up at random.

#include "tests/fuzz/operations.h"

#include <array>
#include <string>

#include "gtest/gtest.h"
#include "tests/fuzz/random_operations.h"

namespace bulkhead_fuzz {
namespace {

TEST(OperationsTest, SayEveryOperand) {
  const OperationList list = Parse(
      "# a remark\n"
      "aligned_alloc thread=3 in=gate:2,scope:1 slot=17 count=40 size=112 "
      "alignment=6 detail=9\n"
      "free\n");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].kind, Kind::kAlignedAlloc);
  EXPECT_EQ(list[0].thread, 3);
  EXPECT_EQ(list[0].path[0].way, Way::kGate);
  EXPECT_EQ(list[0].path[0].compartment, 2);
  EXPECT_EQ(list[0].path[1].way, Way::kScope);
  EXPECT_EQ(list[0].path[1].compartment, 1);
  EXPECT_EQ(list[0].slot, 17);
  EXPECT_EQ(list[0].count, 40);
  EXPECT_EQ(list[0].size, 112u);
  EXPECT_EQ(list[0].alignment, 6);
  EXPECT_EQ(list[0].detail, 9);
  EXPECT_EQ(Print(list[1]), "free");
  EXPECT_EQ(list[1].count, 1);
}

TEST(OperationsTest, ArePrintedAsTheyAreRead) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    const Cast cast = i % 2 == 0 ? Cast::kHonest : Cast::kHostile;
    const OperationList list = RandomList(random, cast, 50);
    ASSERT_EQ(list.size(), 50u);
    const std::string text = Print(list);
    EXPECT_EQ(Print(Parse(text)), text);
  }
}

// Every operand of what is parsed is in its range.
void ExpectInRange(const OperationList& list) {
  EXPECT_LE(list.size(), kMostOperations);
  for (const Operation& operation : list) {
    EXPECT_LT(static_cast<unsigned>(operation.kind), kKinds);
    EXPECT_LT(operation.thread, kThreads);
    for (const Step& step : operation.path) {
      EXPECT_LE(step.way, Way::kScope);
      EXPECT_LT(step.compartment, kCompartments);
    }
    EXPECT_LT(operation.slot, kSlots);
    EXPECT_GE(operation.count, 1);
    EXPECT_LE(operation.count, kMostCount);
    EXPECT_LT(operation.size, kSizes);
    EXPECT_LT(operation.alignment, kAlignments);
  }
}

TEST(OperationsTest, AnyTextIsAList) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    std::string text(random.Below(300), '\0');
    for (char& c : text) c = static_cast<char>(random.Below(256));
    ExpectInRange(Parse(text));
    // Text that is nearly one.
    text = Print(RandomList(random, Cast::kHostile, 20));
    for (int change = 0; change < 10; ++change) {
      text[random.Below(static_cast<uint32_t>(text.size()))] =
          static_cast<char>('0' + random.Below(80));
    }
    ExpectInRange(Parse(text));
  }
  ExpectInRange(
      Parse("malloc thread=99 in=gate:77 slot=99999999999999999999 "
            "count=0 size=4294967295 alignment=255 detail=300"));
  std::string endless;
  for (size_t i = 0; i < 2 * kMostOperations; ++i) endless += "trim\n";
  EXPECT_EQ(Parse(endless).size(), kMostOperations);
}

TEST(OperationsTest, ChangesReachEveryKindAndKeepRanges) {
  Random random(3);
  OperationList list;
  std::array<bool, kKinds> seen = {};
  for (int i = 0; i < 20000; ++i) {
    Mutate(random, list);
    for (const Operation& operation : list) {
      seen[static_cast<size_t>(operation.kind)] = true;
    }
    if (i % 100 == 0) ExpectInRange(list);
  }
  for (unsigned kind = 0; kind < kKinds; ++kind) EXPECT_TRUE(seen[kind]);
}

TEST(OperationsTest, TheSameSeedGivesTheSameList) {
  Random one(4);
  Random other(4);
  const std::string text = Print(RandomList(one, Cast::kHostile, 100));
  EXPECT_EQ(Print(RandomList(other, Cast::kHostile, 100)), text);
  EXPECT_NE(Print(RandomList(other, Cast::kHostile, 100)), text);
}

}  // namespace
}  // namespace bulkhead_fuzz
