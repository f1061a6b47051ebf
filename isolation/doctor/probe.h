// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Finds out what a machine offers, by trying.
#ifndef BULKHEAD_ISOLATION_DOCTOR_PROBE_H_
#define BULKHEAD_ISOLATION_DOCTOR_PROBE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "isolation/base/options.h"
#include "isolation/doctor/facts.h"

namespace bulkhead {

// Everything about this machine and process. `options` are those with which
// the library would start. The process is afterwards as it was before: what
// could leave a trace is tried in child processes. Failure: a trial could not
// be made at all.
// REQUIRES: one thread.
[[nodiscard]] absl::StatusOr<MachineFacts> ProbeMachine(const Options& options);

// The parts. The ones that return no StatusOr cannot fail.
CpuFacts ProbeCpu();
KernelFacts ProbeKernel();
[[nodiscard]] absl::StatusOr<KeyFacts> ProbeKeys(const Options& options);
[[nodiscard]] absl::StatusOr<SyscallFacts> ProbeSyscalls();
[[nodiscard]] absl::StatusOr<MemoryFacts> ProbeMemory(const Options& options);

// REQUIRES: the process can allocate a key.
[[nodiscard]] absl::StatusOr<SignalFacts> ProbeSignals();

// Reads the three numbers at the start of a kernel release, "6.12.5-cloud".
KernelFacts ParseRelease(absl::string_view release);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOCTOR_PROBE_H_
