// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which code a forked child ran, brought to the fuzzer, which sees the counters
// of its own process alone. Where the build has no counters, nothing is done.

#ifndef BULKHEAD_TESTS_FUZZ_COVERAGE_H_
#define BULKHEAD_TESTS_FUZZ_COVERAGE_H_

namespace bulkhead_fuzz {

// Before the fork, in the parent.
void PrepareCoverage();
// In the child: copies its counters to where the parent finds them.
// Signal-safe.
void PublishCoverage();
// In the parent, after the child: takes them over.
void CollectCoverage();

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_COVERAGE_H_
