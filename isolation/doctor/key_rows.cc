// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "isolation/doctor/rows.h"

namespace bulkhead {
namespace {

constexpr int kHardwareKeys = 15;  // key 0 is everybody's

// pkey_alloc says EINVAL without keys in the CPU, ENOSPC when all are taken (or
// the kernel has no keys at all), ENOSYS or EPERM under a filter.
Finding FreeKeys(const MachineFacts& facts) {
  const KeyFacts& keys = facts.keys;
  Finding row = {"keys.free", "free protection keys", Verdict::kYes, "", "",
                 ""};
  if (keys.free > 0 && keys.protect.ok()) {
    row.found = absl::StrCat(keys.free, " of ", kHardwareKeys);
    if (keys.taken > 0) {
      absl::StrAppend(&row.found, "; Bulkhead takes ", keys.taken, ", ",
                      std::max(keys.taken - kKeyUses, 0),
                      " of them for compartments");
    }
    if (keys.absence == KeyAbsence::kTooFew) {
      row.verdict = Verdict::kNo;
      row.lost = kMprotectInstead;
      row.advice =
          "start without the library or the parent that takes keys, or leave "
          "fewer to others: BULKHEAD_OPTIONS=keys_left=0";
    } else if (keys.free < kHardwareKeys) {
      row.verdict = Verdict::kPart;
      row.lost = "fewer compartments at a time";
      row.advice =
          "find out what takes the others: a preloaded library, or memory that "
          "was made executable only";
    }
    return row;
  }
  const Answer& answer = keys.allocate.ok() ? keys.protect : keys.allocate;
  const char* call = keys.allocate.ok() ? "pkey_mprotect" : "pkey_alloc";
  row.found = answer.killed ? absl::StrCat("none: ", call, " kills the process")
                            : absl::StrCat("none: ", call, " answers ",
                                           strerrorname_np(answer.error));
  const bool filtered = answer.killed || answer.error == ENOSYS ||
                        answer.error == EPERM || answer.error == EACCES;
  if (!facts.cpu.keys_enabled && !filtered) {
    row.verdict = Verdict::kMoot;
    return row;
  }
  row.verdict = Verdict::kNo;
  row.lost = kMprotectInstead;
  if (filtered) {
    row.advice =
        FilterAdvice(facts.calls, "pkey_alloc pkey_free pkey_mprotect");
  } else {
    row.advice =
        "all are taken in this process: start without the library that takes "
        "them";
  }
  return row;
}

Finding ClosedKey(const SignalFacts& signals) {
  Finding row = {"keys.enforced",
                 "a closed key stops a read",
                 Verdict::kYes,
                 "the fault names the key (SEGV_PKUERR)",
                 "",
                 ""};
  switch (signals.closed_key_stops) {
    case Trial::kNotMade:
      row.verdict = Verdict::kMoot;
      row.found = "no keys to try it with";
      break;
    case Trial::kWorks:
      if (signals.fault_names_key) break;
      row.verdict = Verdict::kPart;
      row.found = "a fault, which does not name the key";
      row.lost = "reports cannot always tell a violation from another fault";
      row.advice = "use an unmodified kernel";
      break;
    case Trial::kFails:
      row.verdict = Verdict::kNo;
      row.found = "the read went through";
      row.lost =
          "everything: the system calls pretend, by a seccomp filter or an "
          "emulation, and keys protect nothing";
      row.advice =
          "do not trust keys here: BULKHEAD_OPTIONS=backend=mprotect, and find "
          "what answers in the kernel's place";
      break;
    case Trial::kKills:
      row.verdict = Verdict::kPart;
      row.found = "the process is killed, its SIGSEGV handler does not run";
      row.lost = "violations end the process without a report";
      row.advice = "use an unmodified kernel";
      break;
  }
  return row;
}

}  // namespace

std::vector<Finding> KeyRows(const MachineFacts& facts) {
  return {FreeKeys(facts), ClosedKey(facts.signals)};
}

}  // namespace bulkhead
