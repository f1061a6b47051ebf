// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The whole program. What it must say follows from what the kernel says about
// this machine, so that one test serves every machine.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Outcome {
  int exit_status = -1;
  std::string output;
  std::string errors;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void Redirect(const std::string& path, int descriptor) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file < 0 || dup2(file, descriptor) < 0) _exit(125);
}

Outcome Doctor(
    std::vector<std::string> arguments, const std::string& options = "",
    const std::function<void()>& prepare = [] {}) {
  const std::string output = absl::StrCat(::testing::TempDir(), "/output");
  const std::string errors = absl::StrCat(::testing::TempDir(), "/errors");
  arguments.insert(arguments.begin(), "isolation/doctor/doctor");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::string variable = absl::StrCat("BULKHEAD_OPTIONS=", options);
  char* environment[] = {variable.data(), nullptr};
  const pid_t pid = fork();
  if (pid == 0) {
    Redirect(output, STDOUT_FILENO);
    Redirect(errors, STDERR_FILENO);
    prepare();
    execve(argv[0], argv.data(), environment);
    _exit(126);
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  Outcome outcome;
  if (WIFEXITED(status)) outcome.exit_status = WEXITSTATUS(status);
  outcome.output = ReadFile(output);
  outcome.errors = ReadFile(errors);
  return outcome;
}

bool KernelUsesKeys() {
  const std::string text = ReadFile("/proc/cpuinfo");
  return text.find(" ospke") != std::string::npos;
}

std::string Release() {
  struct utsname name;
  EXPECT_EQ(uname(&name), 0);
  return name.release;
}

// The JSON object of the finding `id`.
std::string FindingOf(const std::string& json, const std::string& id) {
  const size_t begin = json.find(absl::StrCat("{\"id\": \"", id, "\""));
  if (begin == std::string::npos) return "";
  return json.substr(begin, json.find('}', begin) - begin);
}

TEST(DoctorTest, TheLevelIsThatOfTheMachine) {
  const Outcome outcome = Doctor({"--json"});
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_EQ(outcome.errors, "");
  EXPECT_THAT(outcome.output,
              StartsWith(KernelUsesKeys() ? "{\"level\": \"pku\""
                                          : "{\"level\": \"mprotect\""));
  EXPECT_THAT(
      outcome.output,
      HasSubstr(KernelUsesKeys() ? "\"keys_free\": 15," : "\"keys_free\": 0,"));
  EXPECT_THAT(outcome.output,
              HasSubstr(absl::StrCat("\"kernel\": \"", Release(), "\"")));
}

TEST(DoctorTest, SignalFramesAreJudgedByTheKernel) {
  const std::string row =
      FindingOf(Doctor({"--json"}).output, "signals.closed_stack");
  int major = 0, minor = 0;
  ASSERT_EQ(std::sscanf(Release().c_str(), "%d.%d", &major, &minor), 2);
  const bool recent = major > 6 || (major == 6 && minor >= 12);
  if (!KernelUsesKeys()) {
    EXPECT_THAT(row, HasSubstr("\"verdict\": \"moot\""));
  } else if (recent) {
    EXPECT_THAT(row, HasSubstr("\"verdict\": \"yes\""));
    EXPECT_THAT(row, HasSubstr("the kernel writes the frame whatever is "
                               "closed"));
  } else {
    EXPECT_THAT(row, HasSubstr("\"verdict\": \"no\""));
    EXPECT_THAT(row, HasSubstr("signal frames stay where threads of the "
                               "interrupted domain can write"));
  }
}

TEST(DoctorTest, TheTableSaysTheSame) {
  const Outcome outcome = Doctor({});
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.output, HasSubstr("Linux " + Release()));
  EXPECT_THAT(outcome.output,
              HasSubstr(KernelUsesKeys() ? "level in force: pku\n"
                                         : "level in force: mprotect\n"));
  EXPECT_THAT(outcome.output,
              HasSubstr(KernelUsesKeys() ? "15 of 15; Bulkhead takes 13"
                                         : "lost: compartments are closed "
                                           "with mprotect"));
  // No terminal, no colours.
  EXPECT_THAT(outcome.output, Not(HasSubstr("\x1b")));
}

TEST(DoctorTest, RequireFailsOnLess) {
  EXPECT_EQ(Doctor({"--require=mprotect"}).exit_status, 0);
  const Outcome outcome = Doctor({"--require=pku"});
  EXPECT_EQ(outcome.exit_status, KernelUsesKeys() ? 0 : 1);
  EXPECT_EQ(outcome.errors, KernelUsesKeys()
                                ? ""
                                : "bulkhead doctor: the level in force is "
                                  "mprotect, not pku\n");
  EXPECT_THAT(outcome.output, HasSubstr("level in force: "));
}

TEST(DoctorTest, OptionsCountAsForAProgram) {
  const Outcome lowered = Doctor({}, "backend=mprotect");
  EXPECT_THAT(lowered.output, HasSubstr("level in force: mprotect\n"));
  EXPECT_THAT(lowered.output,
              HasSubstr("Because: backend=mprotect was asked for."));
  const Outcome required = Doctor({}, "require=pku");
  EXPECT_THAT(required.output,
              HasSubstr(KernelUsesKeys() ? "level in force: pku\n"
                                         : "level in force: none\n"));
  const Outcome wrong = Doctor({}, "bakend=pku");
  EXPECT_EQ(wrong.exit_status, 2);
  EXPECT_EQ(wrong.output, "");
  EXPECT_THAT(wrong.errors, HasSubstr("bakend"));
}

TEST(DoctorTest, ASmallerReservationIsShown) {
  const Outcome outcome = Doctor({"--json"}, "", [] {
    const struct rlimit limit = {uint64_t{4} << 30, uint64_t{4} << 30};
    setrlimit(RLIMIT_AS, &limit);
  });
  EXPECT_EQ(outcome.exit_status, 0);
  const std::string row = FindingOf(outcome.output, "memory.reservation");
  EXPECT_THAT(row, HasSubstr("\"verdict\": \"part\""));
  EXPECT_THAT(row, HasSubstr("under a limit of 4 GiB"));
}

TEST(DoctorTest, WrongUseExitsWith2AndShowsTheUsage) {
  for (const char* argument : {"--odd", "--require=much", "extra"}) {
    const Outcome outcome = Doctor({argument});
    EXPECT_EQ(outcome.exit_status, 2);
    EXPECT_THAT(outcome.errors, StartsWith("usage: doctor "));
    EXPECT_THAT(outcome.errors, HasSubstr("bulkhead doctor: "));
  }
  const Outcome help = Doctor({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.output, StartsWith("usage: doctor "));
}

}  // namespace
}  // namespace bulkhead
