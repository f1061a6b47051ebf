// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ISOLATION_DOCTOR_COMMAND_LINE_H_
#define BULKHEAD_ISOLATION_DOCTOR_COMMAND_LINE_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "isolation/doctor/level.h"

namespace bulkhead {

extern const char kDoctorUsage[];

struct DoctorCommand {
  bool help = false;
  bool json = false;
  Level required = Level::kNone;
};

// Reads the arguments after the program's name. Failure: kInvalidArgument.
[[nodiscard]] absl::StatusOr<DoctorCommand> ParseDoctorCommand(
    absl::Span<const char* const> arguments);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_COMMAND_LINE_H_
