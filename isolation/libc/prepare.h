// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What must be so before code in a sandbox uses libc.

#ifndef BULKHEAD_ISOLATION_LIBC_PREPARE_H_
#define BULKHEAD_ISOLATION_LIBC_PREPARE_H_

namespace bulkhead {

// Finds libc's functions that are called from here in a sandbox too, and takes
// down which libraries are loaded: exceptions pass through those in a sandbox.
// Called again, looks for new ones. False: no memory. Thread-safe.
// Runs in: the root's domain or a vault's. REQUIRES: the root's memory is
// closed already.
bool PrepareLibc();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_PREPARE_H_
