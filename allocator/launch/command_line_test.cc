// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/command_line.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseCommandLineTest, OptionsEndAtTheProgram) {
  absl::StatusOr<CommandLine> line =
      ParseCommandLine({"--library=x.so", "--options=a=1,b=2", "ls", "--help"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_FALSE(line->help);
  EXPECT_EQ(line->library, "x.so");
  EXPECT_EQ(line->options, "a=1,b=2");
  EXPECT_THAT(line->program, ElementsAre("ls", "--help"));
}

TEST(ParseCommandLineTest, OptionsEndAtTwoDashes) {
  absl::StatusOr<CommandLine> line = ParseCommandLine({"--", "--odd", "--"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_FALSE(line->options.has_value());
  EXPECT_THAT(line->program, ElementsAre("--odd", "--"));
}

TEST(ParseCommandLineTest, HelpNeedsNoProgram) {
  absl::StatusOr<CommandLine> line = ParseCommandLine({"--help"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_TRUE(line->help);
}

TEST(ParseCommandLineTest, WrongUseIsNamed) {
  EXPECT_THAT(ParseCommandLine({}).status().message(), HasSubstr("no program"));
  EXPECT_THAT(ParseCommandLine({"--"}).status().message(),
              HasSubstr("no program"));
  EXPECT_THAT(ParseCommandLine({"--librari=x", "ls"}).status().message(),
              HasSubstr("unknown option --librari=x"));
  EXPECT_THAT(ParseCommandLine({"--library=", "ls"}).status().message(),
              HasSubstr("names no file"));
}

TEST(BuildEnvironmentTest, BulkheadComesFirst) {
  absl::StatusOr<std::vector<std::string>> environment = BuildEnvironment(
      {"A=1", "LD_PRELOAD=x.so y.so:/b.so", "B=2"}, "/b.so", std::nullopt);
  ASSERT_TRUE(environment.ok()) << environment.status();
  EXPECT_THAT(*environment,
              ElementsAre("A=1", "B=2", "LD_PRELOAD=/b.so:x.so:y.so"));
}

TEST(BuildEnvironmentTest, OptionsReplaceTheEnvironments) {
  absl::StatusOr<std::vector<std::string>> kept =
      BuildEnvironment({"BULKHEAD_OPTIONS=verbose=1"}, "/b.so", std::nullopt);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_THAT(*kept,
              ElementsAre("BULKHEAD_OPTIONS=verbose=1", "LD_PRELOAD=/b.so"));
  absl::StatusOr<std::vector<std::string>> replaced =
      BuildEnvironment({"BULKHEAD_OPTIONS=verbose=1"}, "/b.so", "wipe=0");
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_THAT(*replaced,
              ElementsAre("LD_PRELOAD=/b.so", "BULKHEAD_OPTIONS=wipe=0"));
}

TEST(BuildEnvironmentTest, WhatLdPreloadCannotSayIsRefused) {
  for (const char* library : {"/a b/c.so", "/a:b/c.so"}) {
    EXPECT_THAT(BuildEnvironment({}, library, std::nullopt).status().message(),
                HasSubstr("symbolic link"));
  }
}

}  // namespace
}  // namespace bulkhead
