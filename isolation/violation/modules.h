// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which file a code address belongs to, read from /proc/self/maps with system
// calls alone. Signal-safe.

#ifndef BULKHEAD_ISOLATION_VIOLATION_MODULES_H_
#define BULKHEAD_ISOLATION_VIOLATION_MODULES_H_

#include <cstdint>

#include "isolation/base/raw_log.h"

namespace bulkhead {

// Appends " (PATH+0xOFFSET)", the offset in the file as addr2line takes it for
// shared objects and position-independent programs; nothing for other memory.
void AppendModule(RawLine& line, uintptr_t address);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_MODULES_H_
