// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which libraries are loaded, for the unwinder in a sandbox: what ld.so knows
// of them is the root's.

#ifndef BULKHEAD_ISOLATION_LIBC_OBJECTS_H_
#define BULKHEAD_ISOLATION_LIBC_OBJECTS_H_

namespace bulkhead {

// Takes them down, unless nothing was loaded or unloaded since the last time.
// False: no memory. Thread-safe. Runs in: the root's domain or a vault's.
bool TakeObjects();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_OBJECTS_H_
