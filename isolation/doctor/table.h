// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The findings as text for people and as JSON for dashboards.
#ifndef BULKHEAD_ISOLATION_DOCTOR_TABLE_H_
#define BULKHEAD_ISOLATION_DOCTOR_TABLE_H_

#include <string>
#include <vector>

#include "isolation/doctor/facts.h"
#include "isolation/doctor/findings.h"
#include "isolation/doctor/level.h"

namespace bulkhead {

// A table of 80 columns: a line or more for each finding, below it what is lost
// and what to do, and at the end the level with what it enforces. `colour`:
// with the terminal's colours.
std::string RenderTable(const std::vector<Finding>& findings,
                        const LevelDecision& decision, bool colour);

// One JSON object and a newline:
//   {"level", "reason", "kernel", "keys_free", "keys_taken",
//    "reservation_bytes", "findings": [{"id", "name", "verdict", "found",
//    "lost", "do"}]}
std::string RenderJson(const MachineFacts& facts,
                       const std::vector<Finding>& findings,
                       const LevelDecision& decision);

// `text` as a JSON string, quotes included. Bytes that are not ASCII text are
// replaced, so that the result is valid whatever a file held.
std::string JsonString(const std::string& text);

// Breaks `text` at blanks into lines of at most `width` characters, unless a
// word is longer.
std::vector<std::string> Wrap(const std::string& text, size_t width);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_TABLE_H_
