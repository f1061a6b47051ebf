// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Memory under the keys of metadata and of frames: parts of the reservation
// that only grow. Zeroed, never reused for anything else.
//
//   metadata: [ records | page map | allocation bitmap | everything else ]
//
// Runs in: the monitor, or start-up.

#ifndef BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_
#define BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_

#include <cstddef>
#include <cstdint>

#include "isolation/base/ids.h"

namespace bulkhead {

// Divides the region. Called once, when the reservation stands. False: the
// kernel has no memory for it.
bool PrepareMetadata();

// Where threads' records lie, and nothing else.
PageRange RecordRegion();

// An entry for every page of the reservation: 0, or a block of a heap starts in
// the page, or a slab lies in it (allocator/heap/page_map.h).
uint32_t* PageMap();

// A bit for every 16 bytes of the reservation (allocation_bitmap.h there).
uint64_t* AllocationBitmap();

// Both can be read as a whole, and written where this was called: makes what
// they say of `pages` writable. False: the kernel has no memory.
bool OpenMapsOf(PageRange pages);

// Makes what they say of `pages` zero as far as it fills whole pages of theirs,
// and gives these back to the kernel. Of whole cages that is all.
// False: the kernel refuses.
bool ClearMapsOf(PageRange pages);

// Bytes at an address that is a multiple of `alignment` (a power of two), or
// nullptr when the region or the kernel's memory is used up. Thread-safe.
void* AllocateMetadata(size_t bytes, size_t alignment);

// The same for a thread's record.
void* AllocateRecord(size_t bytes, size_t alignment);

// The upper end of a new stack of BH_MONITOR_STACK_BYTES with a guard page
// below and BH_SIGNAL_FRAME_BYTES above, or 0. Thread-safe.
uintptr_t AllocateMonitorStack();

// The lower end of `bytes` that only the monitor and the kernel write, with a
// guard page below, or 0. Thread-safe.
uintptr_t AllocateKernelStack(size_t bytes);

// Held around fork(), so that the child inherits the lock free.
void LockMetadataRegion();
void UnlockMetadataRegion();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_
