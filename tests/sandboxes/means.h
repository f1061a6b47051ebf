// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Whether this machine can have sandboxes, found out without Bulkhead.

#ifndef BULKHEAD_TESTS_SANDBOXES_MEANS_H_
#define BULKHEAD_TESTS_SANDBOXES_MEANS_H_

namespace bulkhead_test {

// Protection keys, and Linux 6.12 or later.
bool MayHaveSandboxes();

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SANDBOXES_MEANS_H_
