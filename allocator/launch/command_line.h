// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_COMMAND_LINE_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_COMMAND_LINE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace bulkhead {

extern const char kUsage[];

struct CommandLine {
  bool help = false;
  std::string library;                 // Empty: the one beside this program.
  std::optional<std::string> options;  // The value of BULKHEAD_OPTIONS.
  std::vector<std::string> program;    // Its name and its arguments.
};

// Reads the arguments after the program's own name. Options end at "--" or at
// the first word that is none. Failure: kInvalidArgument.
[[nodiscard]] absl::StatusOr<CommandLine> ParseCommandLine(
    absl::Span<const char* const> arguments);

// The environment to start the program with: `environment` ("NAME=VALUE" each)
// with `library` first in LD_PRELOAD and, if given, `options` as
// BULKHEAD_OPTIONS. Failure: kInvalidArgument when LD_PRELOAD cannot express
// `library`.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> BuildEnvironment(
    absl::Span<const char* const> environment, absl::string_view library,
    const std::optional<std::string>& options);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_COMMAND_LINE_H_
