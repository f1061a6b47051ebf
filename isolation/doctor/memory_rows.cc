// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <sys/resource.h>

#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "isolation/doctor/rows.h"

namespace bulkhead {
namespace {

constexpr int64_t kUsualMaps = 65530;  // Linux's default for max_map_count

std::string SizeText(uint64_t bytes) {
  if (bytes == RLIM_INFINITY) return "unlimited";
  constexpr struct {
    unsigned shift;
    const char* unit;
  } kUnits[] = {{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}};
  for (const auto& [shift, unit] : kUnits) {
    if (bytes >> shift == 0) continue;
    const double size =
        static_cast<double>(bytes) / static_cast<double>(uint64_t{1} << shift);
    return absl::StrFormat("%.4g %s", size, unit);
  }
  return absl::StrCat(bytes, " bytes");
}

Finding AddressSpace(const MemoryFacts& memory) {
  Finding row = {
      "memory.reservation", "address space", Verdict::kYes, "", "", ""};
  row.found = absl::StrCat(
      memory.reservation == 0 ? "nothing" : SizeText(memory.reservation),
      " reserved of ", SizeText(memory.reservation_wanted), " wanted");
  if (memory.address_space_limit != RLIM_INFINITY) {
    absl::StrAppend(&row.found, ", under a limit of ",
                    SizeText(memory.address_space_limit));
  }
  if (memory.reservation >= memory.reservation_wanted) return row;
  row.verdict = memory.reservation == 0 ? Verdict::kNo : Verdict::kPart;
  row.lost = memory.reservation == 0
                 ? "programs do not start on Bulkhead"
                 : "all heaps together grow to less than this";
  row.advice = memory.address_space_limit != RLIM_INFINITY
                   ? "raise the limit (ulimit -v, or LimitAS= of the service)"
                   : "ask for less: BULKHEAD_OPTIONS=reserve_gib=N";
  return row;
}

Finding Overcommit(const MemoryFacts& memory) {
  Finding row = {"memory.overcommit", "overcommit", Verdict::kYes, "", "", ""};
  constexpr const char* kModes[] = {"mode 0, by a guess", "mode 1, always",
                                    "mode 2, never"};
  if (memory.overcommit < 0 ||
      memory.overcommit >= static_cast<int>(std::size(kModes))) {
    row.verdict = Verdict::kPlain;
    row.found = "not readable";
    return row;
  }
  row.found = kModes[memory.overcommit];
  if (memory.overcommit != 2) return row;
  row.verdict = Verdict::kPart;
  row.lost = "memory that programs reserve and never touch counts in full";
  row.advice = "raise vm.overcommit_ratio, or set vm.overcommit_memory=0";
  return row;
}

Finding MapCount(const MemoryFacts& memory) {
  Finding row = {"memory.maps",
                 "mappings a process",
                 Verdict::kYes,
                 absl::StrCat("at most ", memory.map_count),
                 "",
                 ""};
  if (memory.map_count < 0) {
    row.verdict = Verdict::kPlain;
    row.found = "not readable";
  } else if (memory.map_count < kUsualMaps) {
    row.verdict = Verdict::kPart;
    row.lost =
        "every compartment and every stack in one takes some mappings, and "
        "creating them fails earlier";
    row.advice = absl::StrCat("set vm.max_map_count=", kUsualMaps);
  }
  return row;
}

Finding Locking(const MemoryFacts& memory) {
  constexpr uint64_t kUseful = uint64_t{1} << 20;
  Finding row = {"memory.lock",
                 "memory that may be locked",
                 Verdict::kYes,
                 memory.may_lock_more ? "any amount (CAP_IPC_LOCK)"
                                      : SizeText(memory.lock_limit),
                 "",
                 ""};
  if (memory.may_lock_more || memory.lock_limit >= kUseful) return row;
  row.verdict = Verdict::kPart;
  row.lost =
      "with lock=1, which keeps vaults out of swap, creating one fails soon";
  row.advice = "raise the limit (ulimit -l, or LimitMEMLOCK= of the service)";
  return row;
}

Finding CoreDumps(const MemoryFacts& memory) {
  Finding row = {"cores", "core dumps", Verdict::kPlain, "", "", ""};
  const bool piped = absl::StartsWith(memory.core_pattern, "|");
  if (memory.core_limit == 0 && !piped) {
    row.found = "off";
  } else {
    row.found = absl::StrCat("on", piped ? ", to a program" : ", to a file",
                             "; vaults' pages are left out of them");
  }
  return row;
}

}  // namespace

std::vector<Finding> MemoryRows(const MemoryFacts& memory) {
  return {AddressSpace(memory), Overcommit(memory), MapCount(memory),
          Locking(memory), CoreDumps(memory)};
}

}  // namespace bulkhead
