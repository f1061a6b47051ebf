// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The whole program on programs of every kind.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kRun[] = "allocator/launch/run";
constexpr char kPrograms[] = "allocator/launch/testdata/";
constexpr char kStandIn[] = "allocator/launch/testdata/libstand_in.so";

struct Outcome {
  int exit_status = -1;
  std::string output;
  std::string errors;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Runs `words` with exactly `environment`.
Outcome Spawn(std::vector<std::string> words,
              std::vector<std::string> environment) {
  const std::string output = absl::StrCat(::testing::TempDir(), "/output");
  const std::string errors = absl::StrCat(::testing::TempDir(), "/errors");
  const auto pointers = [](std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kCreate = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), kCreate, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, errors.c_str(), kCreate, 0600);
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, words[0].c_str(), &actions, nullptr,
                        pointers(words).data(), pointers(environment).data()),
            0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  Outcome outcome;
  if (WIFEXITED(status)) outcome.exit_status = WEXITSTATUS(status);
  outcome.output = ReadFile(output);
  outcome.errors = ReadFile(errors);
  return outcome;
}

Outcome Launch(std::vector<std::string> arguments,
               std::vector<std::string> environment = {"PATH=/usr/bin:/bin"}) {
  arguments.insert(arguments.begin(), kRun);
  return Spawn(std::move(arguments), std::move(environment));
}

Outcome LaunchOnStandIn(std::vector<std::string> program) {
  program.insert(program.begin(), absl::StrCat("--library=", kStandIn));
  return Launch(std::move(program));
}

std::string StandInPath() {
  char* path = realpath(kStandIn, nullptr);
  std::string result = path;
  std::free(path);
  return result;
}

TEST(RunTest, StartsTheProgramOnTheLibrary) {
  const std::string program = absl::StrCat(kPrograms, "report_start");
  const Outcome outcome =
      Launch({absl::StrCat("--library=", kStandIn), "--options=wipe=0", "--",
              program, "a b", "--help"},
             {"PATH=/usr/bin", "BULKHEAD_OPTIONS=verbose=1"});
  EXPECT_EQ(outcome.exit_status, 7);
  EXPECT_EQ(outcome.errors, "");
  EXPECT_EQ(outcome.output,
            absl::StrCat("argv0=", program,
                         "\nargv1=a b\nargv2=--help\n"
                         "LD_PRELOAD=",
                         StandInPath(),
                         "\nBULKHEAD_OPTIONS=wipe=0\n"
                         "SERVED_BY=(unset)\nSERVED_BY=stand-in\n"));
}

TEST(RunTest, KeepsTheEnvironment) {
  const Outcome outcome =
      Launch({absl::StrCat("--library=", kStandIn),
              absl::StrCat(kPrograms, "report_start")},
             {"LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libm.so.6",
              "BULKHEAD_OPTIONS=verbose=1"});
  EXPECT_THAT(outcome.output,
              HasSubstr(absl::StrCat("LD_PRELOAD=", StandInPath(),
                                     ":/usr/lib/x86_64-linux-gnu/libm.so.6\n"
                                     "BULKHEAD_OPTIONS=verbose=1\n")));
}

TEST(RunTest, FindsProgramsInPathAndFollowsScripts) {
  const std::string script = absl::StrCat(::testing::TempDir(), "/script.sh");
  std::ofstream(script) << "#!/usr/bin/env sh\necho \"$LD_PRELOAD\"\n";
  ASSERT_EQ(chmod(script.c_str(), 0755), 0);
  EXPECT_EQ(LaunchOnStandIn({"true"}).exit_status, 0);
  EXPECT_EQ(LaunchOnStandIn({"false"}).exit_status, 1);
  EXPECT_EQ(LaunchOnStandIn({script}).output, StandInPath() + "\n");
}

struct Refusal {
  const char* program;
  const char* reason;
};

class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, NamesTheReasonAndExitsWith2) {
  const Outcome outcome =
      LaunchOnStandIn({absl::StrCat(kPrograms, GetParam().program)});
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_EQ(outcome.output, "");
  EXPECT_THAT(outcome.errors, StartsWith("bulkhead run: "));
  EXPECT_THAT(outcome.errors, HasSubstr(GetParam().reason));
  EXPECT_EQ(outcome.errors.find('\n'), outcome.errors.size() - 1);
}

INSTANTIATE_TEST_SUITE_P(
    Programs, RefusalTest,
    ::testing::Values(
        Refusal{"static_program", "it is statically linked"},
        Refusal{"go_program", "it is a Go program: "},
        Refusal{"static_go_program", "it is a Go program, statically linked"},
        Refusal{"musl_program", "it runs on the C library musl"},
        Refusal{"own_malloc", "it defines malloc,"},
        Refusal{"needs_tcmalloc",
                "an allocator of its own, libtcmalloc_minimal.so.4"},
        Refusal{"jemalloc_allocates",
                "it uses jemalloc's own allocation interface (imports "
                "mallocx)"},
        Refusal{"calls_library",
                "it uses, through liballocates.so, jemalloc's own"},
        Refusal{"liballocates.so", "it is a shared library"}),
    [](const ::testing::TestParamInfo<Refusal>& refusal) {
      std::string name = refusal.param.program;
      for (char& c : name) {
        if (c == '.') c = '_';
      }
      return name;
    });

TEST(RunTest, JemallocForStatisticsOnlyRuns) {
  const Outcome outcome =
      LaunchOnStandIn({absl::StrCat(kPrograms, "jemalloc_counts")});
  EXPECT_EQ(outcome.exit_status, 0) << outcome.errors;
}

TEST(RunTest, SetuidProgramsOfTheSystemAreRefused) {
  const Outcome outcome = LaunchOnStandIn({"su", "--version"});
  EXPECT_EQ(outcome.exit_status, 2);
  EXPECT_THAT(outcome.errors, HasSubstr("/su: it is setuid"));
}

TEST(RunTest, MissingAndNotExecutableExitAsInAShell) {
  EXPECT_EQ(LaunchOnStandIn({"no-such-program-here"}).exit_status, 127);
  EXPECT_EQ(LaunchOnStandIn({"/nonexistent/program"}).exit_status, 127);
  EXPECT_EQ(LaunchOnStandIn({absl::StrCat(kPrograms, "no_loader_program")})
                .exit_status,
            127);
  EXPECT_EQ(LaunchOnStandIn({"/etc/passwd"}).exit_status, 126);
  EXPECT_EQ(LaunchOnStandIn({"/"}).exit_status, 126);
}

TEST(RunTest, WrongUseExitsWith2AndShowsTheUsage) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--"}, {"--odd", "true"}}) {
    const Outcome outcome = Launch(arguments);
    EXPECT_EQ(outcome.exit_status, 2);
    EXPECT_THAT(outcome.errors, StartsWith("usage: run "));
  }
  const Outcome help = Launch({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.output, StartsWith("usage: run "));
}

TEST(RunTest, AnotherLibraryIsNotPreloaded) {
  const Outcome absent = Launch({"--library=/nonexistent.so", "true"});
  EXPECT_EQ(absent.exit_status, 2);
  EXPECT_THAT(absent.errors, HasSubstr("name a libbulkhead.so"));
  const Outcome other = Launch({"--library=/usr/bin/true", "true"});
  EXPECT_EQ(other.exit_status, 2);
  EXPECT_THAT(other.errors, HasSubstr("is no libbulkhead.so"));
}

}  // namespace
}  // namespace bulkhead
