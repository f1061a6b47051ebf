// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which block an address lies in, and who has it. Runs in: the monitor.

#ifndef BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_
#define BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_

#include <cstdint>

#include "allocator/jemalloc/backend.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// As bulkhead_backend_find(), of blocks that are with the program or in a
// cache: jemalloc takes what lies in a depot for one of these.
bulkhead_found FindBlock(uintptr_t address);

// Whether a block that is not the heap's is with the program: it may lie in a
// thread's cache instead. Without keys compartments have no caches, and their
// maps are closed to the monitor. `record` is the caller's.
bool IsWithProgram(ThreadRecord& record, uintptr_t block);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_FIND_BLOCK_H_
