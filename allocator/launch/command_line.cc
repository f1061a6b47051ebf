// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/command_line.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace bulkhead {

const char kUsage[] =
    "usage: run [--library=PATH] [--options=OPTIONS] [--] PROGRAM [ARGUMENT...]"
    "\n"
    "\n"
    "Runs PROGRAM with Bulkhead as its malloc. PROGRAM is an installed,\n"
    "dynamically linked glibc program, or a script of one; any other is\n"
    "recognised, named with the reason, and not started.\n"
    "\n"
    "  --library=PATH     the libbulkhead.so to preload; by default the one\n"
    "                     that was built or installed with this program\n"
    "  --options=OPTIONS  the value of BULKHEAD_OPTIONS, instead of what the\n"
    "                     environment says; --options=help=1 lists them all\n"
    "  --help             this text\n"
    "\n"
    "LD_PRELOAD is kept, after Bulkhead. The exit status is PROGRAM's own, or\n"
    "2 if Bulkhead cannot serve it or the command line is wrong, 126 if\n"
    "PROGRAM cannot be executed, 127 if it is not found.\n";

absl::StatusOr<CommandLine> ParseCommandLine(
    absl::Span<const char* const> arguments) {
  CommandLine line;
  size_t i = 0;
  for (; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--") {
      ++i;
      break;
    }
    if (!absl::StartsWith(argument, "-")) break;
    if (argument == "--help" || argument == "-h") {
      line.help = true;
      return line;
    }
    if (absl::ConsumePrefix(&argument, "--library=")) {
      if (argument.empty()) {
        return absl::InvalidArgumentError("--library= names no file");
      }
      line.library = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--options=")) {
      line.options = std::string(argument);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown option ", argument));
    }
  }
  for (; i < arguments.size(); ++i) line.program.emplace_back(arguments[i]);
  if (line.program.empty()) {
    return absl::InvalidArgumentError("no program is named");
  }
  return line;
}

absl::StatusOr<std::vector<std::string>> BuildEnvironment(
    absl::Span<const char* const> environment, absl::string_view library,
    const std::optional<std::string>& options) {
  if (absl::StrContains(library, ' ') || absl::StrContains(library, ':')) {
    return absl::InvalidArgumentError(absl::StrCat(
        library,
        ": LD_PRELOAD cannot hold a path with a space or a colon in it: make a "
        "symbolic link without them and name it with --library="));
  }
  std::vector<std::string> result;
  std::string preload(library);
  for (absl::string_view entry : environment) {
    if (options.has_value() && absl::StartsWith(entry, "BULKHEAD_OPTIONS=")) {
      continue;
    }
    if (absl::ConsumePrefix(&entry, "LD_PRELOAD=")) {
      std::vector<absl::string_view> others =
          absl::StrSplit(entry, absl::ByAnyChar(" :"), absl::SkipEmpty());
      for (absl::string_view other : others) {
        if (other != library) absl::StrAppend(&preload, ":", other);
      }
      continue;
    }
    result.emplace_back(entry);
  }
  result.push_back(absl::StrCat("LD_PRELOAD=", preload));
  if (options.has_value()) {
    result.push_back(absl::StrCat("BULKHEAD_OPTIONS=", *options));
  }
  return result;
}

}  // namespace bulkhead
