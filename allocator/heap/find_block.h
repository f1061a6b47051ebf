// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which block an address lies in. Runs in: the monitor.

#ifndef BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_
#define BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_

#include <cstdint>

#include "allocator/jemalloc/backend.h"

namespace bulkhead {

// As bulkhead_backend_find(), of blocks that are with the program or in a
// cache: jemalloc takes what lies in a depot for one of these.
bulkhead_found FindBlock(uintptr_t address);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_
