// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Libraries whose functions are found when they are first called (lazy
// binding). ld.so writes to their tables then, which are on key 0: a sandbox
// cannot make that first call.

#ifndef BULKHEAD_ISOLATION_SANDBOX_BIND_H_
#define BULKHEAD_ISOLATION_SANDBOX_BIND_H_

namespace bulkhead {

// Finds them now, for all libraries that are loaded. Functions that nobody
// defines stay to be found. Runs in: the root's domain. Thread-safe.
void BindFunctions();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SANDBOX_BIND_H_
