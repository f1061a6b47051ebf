// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The heap's part of the monitor: the only callers of jemalloc. Every block
// that leaves or comes back passes here, checked against jemalloc's own
// records.

#ifndef BULKHEAD_ALLOCATOR_HEAP_HEAP_MONITOR_H_
#define BULKHEAD_ALLOCATOR_HEAP_HEAP_MONITOR_H_

#include <cstdint>

namespace bulkhead {

// Starts jemalloc and the root's heap, and registers the calls. Once.
void StartHeapMonitor();

// The status of the calls Free, Flush and Resize; the value is then the address
// at fault. MarkExiting's too, with the row of the cache above it
// (kLeftRowShift); and Inspect's, with the usable size as the value.
enum class FreeStatus : uint64_t {
  kDone,
  kInterior,  // inside a block in use
  kFree,      // where a block could be, but none is in use
  kNothing,   // in no block's pages
  kForeign,   // of a heap that the caller may not write to
  kNoMemory,  // Resize alone: the block is as it was
  kMoved,     // Resize alone: so it is, and the value is a new one beside it
};

inline constexpr unsigned kLeftRowShift = 32;

// The status of Allocate.
enum class AllocateStatus : uint64_t { kAsIs, kZeroed };

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_HEAP_MONITOR_H_
