// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/script.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;

struct Line {
  const char* text;
  const char* interpreter;
  const char* argument;
};

class ShebangTest : public ::testing::TestWithParam<Line> {};

TEST_P(ShebangTest, IsReadAsTheKernelDoes) {
  absl::StatusOr<std::optional<Shebang>> shebang =
      ParseShebang(GetParam().text);
  ASSERT_TRUE(shebang.ok()) << shebang.status();
  ASSERT_TRUE(shebang->has_value());
  EXPECT_EQ((*shebang)->interpreter, GetParam().interpreter);
  EXPECT_EQ((*shebang)->argument, GetParam().argument);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, ShebangTest,
    ::testing::Values(Line{"#!/bin/sh\n", "/bin/sh", ""},
                      Line{"#!/bin/sh", "/bin/sh", ""},
                      Line{"#! \t/bin/sh \t\nrest", "/bin/sh", ""},
                      Line{"#!/usr/bin/awk -f\n", "/usr/bin/awk", "-f"},
                      Line{"#!/a b  c d \n", "/a", "b  c d"},
                      Line{"#!/usr/bin/env python3\n", "/usr/bin/env",
                           "python3"}));

TEST(ShebangTest, OtherFilesAreNoScripts) {
  for (const char* text : {"", "#", "# !/bin/sh", "\177ELF", "echo"}) {
    absl::StatusOr<std::optional<Shebang>> shebang = ParseShebang(text);
    ASSERT_TRUE(shebang.ok()) << shebang.status();
    EXPECT_FALSE(shebang->has_value()) << text;
  }
}

TEST(ShebangTest, AnInterpreterMustBeNamed) {
  for (const char* text : {"#!", "#!\n/bin/sh", "#!  \t \n"}) {
    EXPECT_THAT(ParseShebang(text).status().message(),
                HasSubstr("names no interpreter"));
  }
}

TEST(ShebangTest, TheKernelsLimitHolds) {
  const std::string fits = "#!/" + std::string(kShebangBytes - 4, 'x') + "\n";
  EXPECT_TRUE(ParseShebang(fits).ok());
  const std::string too_long = "#!/" + std::string(kShebangBytes - 3, 'x');
  EXPECT_THAT(ParseShebang(too_long).status().message(),
              HasSubstr("use a shorter path"));
  // Of a long argument the rest is cut off.
  const std::string cut = "#!/bin/sh " + std::string(kShebangBytes, 'x');
  absl::StatusOr<std::optional<Shebang>> shebang = ParseShebang(cut);
  ASSERT_TRUE(shebang.ok()) << shebang.status();
  EXPECT_EQ((*shebang)->argument.size(), kShebangBytes - 10);
}

TEST(EnvTargetTest, FindsTheProgram) {
  const std::pair<const char*, const char*> cases[] = {
      {"python3", "python3"},      {"-S python3 -u -i", "python3"},
      {"-S A=1 B=2 perl", "perl"}, {"-Sperl -w", "perl"},
      {"-S -u HOME ruby", "ruby"}, {"--split-string=bash -e", "bash"},
      {"-S -C /tmp bash", "bash"},
  };
  for (const auto& [argument, target] : cases) {
    absl::StatusOr<std::string> found = EnvTarget(argument);
    ASSERT_TRUE(found.ok()) << argument << ": " << found.status();
    EXPECT_EQ(*found, target) << argument;
  }
}

TEST(EnvTargetTest, LosingLdPreloadIsRefused) {
  for (const char* argument :
       {"-S -i python3", "-S - perl", "-S --ignore-environment sh",
        "-S -u LD_PRELOAD sh", "-S LD_PRELOAD= sh"}) {
    EXPECT_THAT(EnvTarget(argument).status().message(),
                HasSubstr("clear the environment"))
        << argument;
  }
}

TEST(EnvTargetTest, AProgramMustBeNamed) {
  for (const char* argument : {"", "-S", "-S A=1", "-v"}) {
    EXPECT_FALSE(EnvTarget(argument).ok()) << argument;
  }
}

}  // namespace
}  // namespace bulkhead
