// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the library would enforce on a machine.
#ifndef BULKHEAD_ISOLATION_DOCTOR_LEVEL_H_
#define BULKHEAD_ISOLATION_DOCTOR_LEVEL_H_

#include <string>

#include "isolation/base/options.h"
#include "isolation/doctor/facts.h"

namespace bulkhead {

// In rising order.
enum class Level { kNone = 0, kMprotect = 1, kPku = 2 };

const char* LevelName(Level level);

struct LevelDecision {
  Level level = Level::kNone;
  // Why it is no higher; empty for kPku. A sentence's end, without a full stop.
  std::string reason;
};

// The level in force for a process that starts on this machine with `options`.
// kNone: it would not start.
LevelDecision DecideLevel(const MachineFacts& facts, const Options& options);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_LEVEL_H_
