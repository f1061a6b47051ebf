// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What malloc() and free() do nearly always: a look at the thread's record, a
// block from or to its cache. No lock, no change of rights, no call. Everything
// else is the long way (heap.h), reached by a jump.

#ifndef BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_
#define BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_

#include <cstddef>

namespace bulkhead {

// The ways in that are in force: those that start the heap first, then those
// for what enforces compartments here. Constant after start.
struct HeapEntries {
  void* (*allocate)(size_t size);
  void (*free)(void* pointer);
  void (*free_sized)(void* pointer, size_t size);
};
extern HeapEntries heap_entries;

// For threads whose PKRU tells the current compartment, and for those whose
// record alone does.
extern const HeapEntries kEntriesWithKeys;
extern const HeapEntries kEntriesWithoutKeys;

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_
