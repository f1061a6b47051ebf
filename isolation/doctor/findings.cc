// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/findings.h"

#include "absl/strings/str_cat.h"
#include "isolation/doctor/rows.h"

namespace bulkhead {

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kYes:
      return "yes";
    case Verdict::kPart:
      return "part";
    case Verdict::kNo:
      return "no";
    case Verdict::kMoot:
      return "moot";
    case Verdict::kPlain:
      return "fact";
  }
  return "unknown";
}

// A filter, rather than an old kernel, is why a call does not work: every
// kernel that Bulkhead runs on has it.
std::string FilterAdvice(const SyscallFacts& calls, const char* names) {
  if (calls.in_container) {
    return absl::StrCat(
        "let the container's seccomp profile allow ", names,
        " (Docker's own does from 23.0 on; older: docker run --security-opt "
        "seccomp=PROFILE)");
  }
  return absl::StrCat(
      "let the seccomp filter that this process runs under "
      "allow ",
      names, " (systemd: SystemCallFilter=", names, ")");
}

std::vector<Finding> MakeFindings(const MachineFacts& facts) {
  std::vector<Finding> all;
  for (const std::vector<Finding>& rows :
       {CpuRows(facts.cpu), KeyRows(facts), KernelRows(facts),
        MemoryRows(facts.memory)}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace bulkhead
