// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which file a code address belongs to, read from /proc/self/maps with system
// calls alone. Signal-safe.

#ifndef BULKHEAD_ISOLATION_VIOLATION_MODULES_H_
#define BULKHEAD_ISOLATION_VIOLATION_MODULES_H_

#include <cstdint>

namespace bulkhead {

struct Module {
  char path[512] = {};
  uintptr_t offset = 0;  // as addr2line takes it, of shared objects and
                         // position-independent programs
};

// False: the address is in no file, and `module` is as it was.
bool FindModule(uintptr_t address, Module& module);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_MODULES_H_
