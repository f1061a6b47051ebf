// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Finds a program as a shell does, follows scripts to what really runs, and
// says whether that runs on Bulkhead.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_PROGRAM_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_PROGRAM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bulkhead {

// Where `name` lies: itself when it holds a slash, else the first executable
// file of that name in `path`, a list as in $PATH.
// Failure, as shells tell them apart: kNotFound, and kPermissionDenied when all
// that was found is not executable.
[[nodiscard]] absl::StatusOr<std::string> FindProgram(absl::string_view name,
                                                      absl::string_view path);

// OK when the program at `file`, or the interpreter that it names, runs on a
// preloaded Bulkhead; `path` is $PATH, for scripts that go through env.
// Failure: kFailedPrecondition, "FILE: reason"; kNotFound when an interpreter
// or a loader is missing; kPermissionDenied when a file is not readable.
[[nodiscard]] absl::Status ExamineProgram(const std::string& file,
                                          absl::string_view path);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_PROGRAM_H_
