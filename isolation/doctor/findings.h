// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// From facts to advice: what each fact means for Bulkhead.
#ifndef BULKHEAD_ISOLATION_DOCTOR_FINDINGS_H_
#define BULKHEAD_ISOLATION_DOCTOR_FINDINGS_H_

#include <string>
#include <vector>

#include "isolation/doctor/facts.h"

namespace bulkhead {

enum class Verdict {
  kYes,    // there, as Bulkhead wants it
  kPart,   // there, with a limit
  kNo,     // absent
  kMoot,   // no question here, since something else is absent
  kPlain,  // a fact that is neither good nor bad
};

const char* VerdictName(Verdict verdict);

// A row of the table.
struct Finding {
  std::string id;    // for machines: "keys.free"
  std::string name;  // for people: "free protection keys"
  Verdict verdict = Verdict::kPlain;
  std::string found;
  // For kNo and kPart: what is lost, and what to do. Otherwise empty.
  std::string lost;
  std::string advice;
};

// All rows, in the order in which they are shown.
std::vector<Finding> MakeFindings(const MachineFacts& facts);

// Whether CPUs of this family and model have protection keys in hardware.
enum class Knowledge { kUnknown, kNo, kYes };
Knowledge ModelHasKeys(const CpuFacts& cpu);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_FINDINGS_H_
