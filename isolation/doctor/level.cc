// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/doctor/level.h"

#include "absl/strings/str_cat.h"

namespace bulkhead {

const char* LevelName(Level level) {
  switch (level) {
    case Level::kNone:
      return "none";
    case Level::kMprotect:
      return "mprotect";
    case Level::kPku:
      return "pku";
  }
  return "unknown";
}

LevelDecision DecideLevel(const MachineFacts& facts, const Options& options) {
  const auto backend = static_cast<Backend>(options.backend);
  const auto required = static_cast<Requirement>(options.require);
  const bool keys =
      backend != Backend::kMprotect && facts.keys.absence == KeyAbsence::kNone;
  const std::string reason = keys ? ""
                             : backend == Backend::kMprotect
                                 ? "backend=mprotect was asked for"
                                 : AbsenceText(facts.keys.absence);
  if (facts.memory.reservation == 0) {
    return {Level::kNone,
            "not even the smallest range of address space is granted, so "
            "programs do not start"};
  }
  if (keys) return {Level::kPku, ""};
  if (backend == Backend::kPku) {
    return {
        Level::kNone,
        absl::StrCat(reason, ", so with backend=pku programs do not start")};
  }
  if (required == Requirement::kPku) {
    return {
        Level::kNone,
        absl::StrCat(reason, ", so with require=pku programs do not start")};
  }
  return {Level::kMprotect, reason};
}

}  // namespace bulkhead
