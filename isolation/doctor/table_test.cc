// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/table.h"

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Finding> Examples() {
  return {
      {"a", "good thing", Verdict::kYes, "there", "", ""},
      {"b", "bad thing", Verdict::kNo, "not there", "much", "buy one"},
      {"c", "so-so", Verdict::kPart, "half", "some", "mend it"},
      {"d", "no question", Verdict::kMoot, "none", "", ""},
      {"e", "a fact", Verdict::kPlain, "blue", "", ""},
  };
}

TEST(RenderTableTest, ShowsEveryFindingAndTheLevel) {
  EXPECT_EQ(
      RenderTable(Examples(), {Level::kMprotect, "there are no keys"}, false),
      "yes   good thing                  there\n"
      "no    bad thing                   not there\n"
      "      lost: much\n"
      "      do:   buy one\n"
      "part  so-so                       half\n"
      "      lost: some\n"
      "      do:   mend it\n"
      "-     no question                 none\n"
      "      a fact                      blue\n"
      "\n"
      "level in force: mprotect\n"
      "Page protection closes each compartment for the whole process while no "
      "thread is\n"
      "inside it. While one is, other threads can reach it too. For a process "
      "of one\n"
      "thread it is exact.\n"
      "Because: there are no keys.\n"
      "Weaker here, as said above: bad thing, so-so.\n");
}

TEST(RenderTableTest, FitsIntoEightyColumns) {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  const std::string table =
      RenderTable({{"a", "name", Verdict::kNo, words, words, words}},
                  {Level::kNone, words}, false);
  for (absl::string_view line : absl::StrSplit(table, '\n')) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(RenderTableTest, ColoursAreOnlyAddedOnRequest) {
  const LevelDecision decision = {Level::kPku, ""};
  EXPECT_THAT(RenderTable(Examples(), decision, false), Not(HasSubstr("\x1b")));
  const std::string coloured = RenderTable(Examples(), decision, true);
  EXPECT_THAT(coloured, HasSubstr("\x1b[32myes   \x1b[0mgood thing"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[31mno    \x1b[0mbad thing"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[33mpart  \x1b[0mso-so"));
}

TEST(RenderJsonTest, IsOneObject) {
  MachineFacts facts;
  facts.kernel.release = "6.12.5";
  facts.keys.free = 15;
  facts.keys.taken = 13;
  facts.memory.reservation = 1024;
  EXPECT_EQ(
      RenderJson(facts, {Examples()[0], Examples()[1]}, {Level::kPku, ""}),
      "{\"level\": \"pku\", \"reason\": \"\", \"kernel\": \"6.12.5\", "
      "\"keys_free\": 15, \"keys_taken\": 13, \"reservation_bytes\": "
      "1024, \"findings\": [{\"id\": \"a\", \"name\": \"good thing\", "
      "\"verdict\": \"yes\", \"found\": \"there\", \"lost\": \"\", "
      "\"do\": \"\"}, {\"id\": \"b\", \"name\": \"bad thing\", "
      "\"verdict\": \"no\", \"found\": \"not there\", \"lost\": "
      "\"much\", \"do\": \"buy one\"}]}\n");
}

TEST(JsonStringTest, QuotesWhatJsonReserves) {
  EXPECT_EQ(JsonString("plain"), "\"plain\"");
  EXPECT_EQ(JsonString("a\"b\\c\n\t"), "\"a\\\"b\\\\c\\u000a\\u0009\"");
  EXPECT_EQ(JsonString(std::string("\0\x7f\xc3\xa4", 4)), "\"\\u0000???\"");
}

TEST(WrapTest, BreaksAtBlanks) {
  EXPECT_THAT(Wrap("aa bb cc", 5), ElementsAre("aa bb", "cc"));
  EXPECT_THAT(Wrap("toolongword a", 5), ElementsAre("toolongword", "a"));
  EXPECT_THAT(Wrap("", 5), ElementsAre(""));
}

}  // namespace
}  // namespace bulkhead
