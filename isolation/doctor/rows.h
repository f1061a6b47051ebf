// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The rows of the table, by topic. Private to findings.
#ifndef BULKHEAD_ISOLATION_DOCTOR_ROWS_H_
#define BULKHEAD_ISOLATION_DOCTOR_ROWS_H_

#include <string>
#include <vector>

#include "isolation/doctor/facts.h"
#include "isolation/doctor/findings.h"

namespace bulkhead {

std::vector<Finding> CpuRows(const CpuFacts& cpu);
std::vector<Finding> KeyRows(const MachineFacts& facts);
std::vector<Finding> KernelRows(const MachineFacts& facts);
std::vector<Finding> MemoryRows(const MemoryFacts& memory);

// What is lost without protection keys, whatever the cause.
inline constexpr char kMprotectInstead[] =
    "compartments are closed with mprotect, for the whole process at once: "
    "while one thread is inside, every thread can reach them";

// What to do where a filter, rather than an old kernel, refuses the system
// calls `names`.
std::string FilterAdvice(const SyscallFacts& calls, const char* names);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_ROWS_H_
