// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A report as one line of JSON, for report=json. docs/reports/README.md lists
// the keys.

#ifndef BULKHEAD_ISOLATION_VIOLATION_JSON_H_
#define BULKHEAD_ISOLATION_VIOLATION_JSON_H_

#include "isolation/violation/facts.h"

namespace bulkhead {

// Writes the line with one system call. False: the kernel has no memory for it,
// and nothing is written.
[[nodiscard]] bool WriteJson(const Facts& facts, int descriptor);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_JSON_H_
