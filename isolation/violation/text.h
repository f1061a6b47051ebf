// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A report in the sanitizers' format.

#ifndef BULKHEAD_ISOLATION_VIOLATION_TEXT_H_
#define BULKHEAD_ISOLATION_VIOLATION_TEXT_H_

#include "isolation/base/raw_log.h"
#include "isolation/violation/facts.h"

namespace bulkhead {

// Appends "KIND of 'COMPARTMENT' in FUNCTION": the same in each run of the same
// program.
void AppendSummary(RawLine& line, const Facts& facts);

// Writes line by line: what a fault amid the report leaves is worth reading.
void WriteText(const Facts& facts, int descriptor);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_TEXT_H_
