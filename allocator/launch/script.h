// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Which program a script starts: its "#!" line, and what `env` makes of it.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_SCRIPT_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_SCRIPT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bulkhead {

// How many bytes of a file the kernel looks at for the "#!" line.
constexpr size_t kShebangBytes = 256;

struct Shebang {
  std::string interpreter;
  std::string argument;  // All the rest of the line is one argument.
};

// Reads the "#!" line as the kernel does. `start` is the first kShebangBytes
// bytes of a file, or all of a shorter one. No value: the file is no script.
// Failure: kFailedPrecondition when the line names no interpreter or does not
// end in time.
[[nodiscard]] absl::StatusOr<std::optional<Shebang>> ParseShebang(
    absl::string_view start);

// The program that `env ARGUMENT SCRIPT` starts, to be found through PATH, for
// the forms in use: "NAME", "NAME=VALUE… NAME" after -S, and options.
// Failure: kFailedPrecondition when it starts none, or clears the environment,
// and LD_PRELOAD with it.
[[nodiscard]] absl::StatusOr<std::string> EnvTarget(absl::string_view argument);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_SCRIPT_H_
