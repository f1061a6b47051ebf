// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/command_line.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace bulkhead {

const char kDoctorUsage[] =
    "usage: doctor [--json] [--require=LEVEL]\n"
    "\n"
    "Says what this machine offers and what Bulkhead therefore enforces, and\n"
    "for each thing that is absent what is lost and what to do.\n"
    "\n"
    "  --json           one JSON object instead of the table\n"
    "  --require=LEVEL  exit with 1 unless the level in force is at least\n"
    "                   LEVEL: none, mprotect or pku\n"
    "  --help           this text\n"
    "\n"
    "BULKHEAD_OPTIONS counts as it would for a program on Bulkhead. The exit\n"
    "status is 0, or 1 if the level is lower than required or could not be\n"
    "found out, or 2 for wrong use.\n";

absl::StatusOr<DoctorCommand> ParseDoctorCommand(
    absl::Span<const char* const> arguments) {
  DoctorCommand command;
  for (absl::string_view argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      command.help = true;
    } else if (argument == "--json") {
      command.json = true;
    } else if (absl::ConsumePrefix(&argument, "--require=")) {
      bool known = false;
      for (Level level : {Level::kNone, Level::kMprotect, Level::kPku}) {
        if (argument != LevelName(level)) continue;
        command.required = level;
        known = true;
      }
      if (!known) {
        return absl::InvalidArgumentError(absl::StrCat(
            "--require=", argument, ": the levels are none, mprotect and pku"));
      }
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown argument ", argument));
    }
  }
  return command;
}

}  // namespace bulkhead
