// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Heaps: one jemalloc arena for each compartment, and the rules that tell which
// one a call means. A block is allocated in the heap of the compartment that
// runs; it is freed, resized and measured in the heap that its address says.
//
// Nothing here writes to metadata: that is heap_monitor.h's.
//
// Thread safety: all functions, from any thread. Not signal-safe.

#ifndef BULKHEAD_ALLOCATOR_HEAP_HEAP_H_
#define BULKHEAD_ALLOCATOR_HEAP_HEAP_H_

#include <cstddef>
#include <cstdint>

#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Starts Bulkhead in this process. Any entry of the malloc family may be the
// first; only the first thread runs it.
void StartHeap();

// Set once StartHeap() is done.
extern bool heap_started;

// The calling thread's record; starts everything on the first call.
inline ThreadRecord& EnterHeap() {
  if (__builtin_expect(!heap_started, false)) StartHeap();
  return *CurrentRecord();
}

enum class Fill { kNone, kZero };

// Allocates in the heap of the current compartment. nullptr: no memory, or a
// size above PTRDIFF_MAX; errno is not set.
// REQUIRES: alignment is a power of two.
void* Allocate(size_t size, size_t alignment, Fill fill);

// The block was allocated with this size and alignment, or the report says so.
void FreeAligned(void* pointer, size_t size, size_t alignment,
                 const void* caller);

// As realloc() for a pointer and a size that are not 0: the block keeps its
// owner. nullptr: no memory, and the block is as it was.
void* Resize(void* pointer, size_t size, const void* caller);

// The bytes that may be used at `pointer`, the start of a block.
size_t UsableSize(const void* pointer, const void* caller);

// Gives unused pages of every heap back to the kernel, the calling thread's
// cached blocks of the current compartment included.
void PurgeHeaps();

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_HEAP_H_
