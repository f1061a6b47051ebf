// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs a trial in a child process: it may be killed, and keeps nothing that it
// took.
#ifndef BULKHEAD_ISOLATION_DOCTOR_CHILD_H_
#define BULKHEAD_ISOLATION_DOCTOR_CHILD_H_

#include <functional>

#include "absl/status/statusor.h"

namespace bulkhead {

// How a child ended.
struct ChildEnd {
  int exit_status = -1;  // -1: a signal ended it
  int signal = 0;

  bool finished() const { return exit_status == 0; }
};

// Forks; the child runs `body` and exits with 0, without a core dump and within
// some seconds. `report`, of `report_bytes`, is memory that it shares with the
// caller while it runs: what it left there is copied to `report` before this
// returns. Failure: the process could not be forked, or no memory.
// REQUIRES: `body` allocates nothing and throws nothing; one thread.
[[nodiscard]] absl::StatusOr<ChildEnd> RunChild(
    const std::function<void(void* report)>& body, void* report,
    size_t report_bytes);

// The same for a report of a trivially copyable type.
template <typename Report, typename Body>
[[nodiscard]] absl::StatusOr<ChildEnd> TryInChild(Report& report,
                                                  const Body& body) {
  static_assert(std::is_trivially_copyable_v<Report>);
  return RunChild(
      [&body](void* shared) { body(*static_cast<Report*>(shared)); }, &report,
      sizeof(report));
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_CHILD_H_
