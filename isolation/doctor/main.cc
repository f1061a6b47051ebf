// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Says what this machine offers and what Bulkhead enforces on it. See
// kDoctorUsage.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "isolation/base/options.h"
#include "isolation/base/raw_log.h"
#include "isolation/doctor/command_line.h"
#include "isolation/doctor/findings.h"
#include "isolation/doctor/level.h"
#include "isolation/doctor/probe.h"
#include "isolation/doctor/table.h"

namespace bulkhead {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

int Fail(int exit_status, const std::string& message) {
  std::fprintf(stderr, "bulkhead doctor: %s\n", message.c_str());
  return exit_status;
}

bool OnColourTerminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr &&
         terminal != nullptr && std::string(terminal) != "dumb";
}

int Main(absl::Span<const char* const> arguments) {
  absl::StatusOr<DoctorCommand> command = ParseDoctorCommand(arguments);
  if (!command.ok()) {
    std::fputs(kDoctorUsage, stderr);
    return Fail(kWrongUse, std::string(command.status().message()));
  }
  if (command->help) {
    std::fputs(kDoctorUsage, stdout);
    return 0;
  }
  Options options;
  RawLine error;
  const char* text = std::getenv("BULKHEAD_OPTIONS");
  if (text != nullptr && !ParseOptions(text, options, error)) {
    error.Text("\n").WriteTo(STDERR_FILENO);
    return kWrongUse;
  }
  absl::StatusOr<MachineFacts> facts = ProbeMachine(options);
  if (!facts.ok()) {
    return Fail(kFailed,
                absl::StrCat("cannot tell: ", facts.status().message()));
  }
  const std::vector<Finding> findings = MakeFindings(*facts);
  const LevelDecision decision = DecideLevel(*facts, options);
  const std::string report =
      command->json ? RenderJson(*facts, findings, decision)
                    : RenderTable(findings, decision, OnColourTerminal());
  std::fputs(report.c_str(), stdout);
  if (std::fflush(stdout) != 0) return Fail(kFailed, "cannot write the report");
  if (decision.level < command->required) {
    return Fail(kFailed, absl::StrCat("the level in force is ",
                                      LevelName(decision.level), ", not ",
                                      LevelName(command->required)));
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  return bulkhead::Main(
      {argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
}
