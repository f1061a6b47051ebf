// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Between the threads' caches and jemalloc's slabs. Each small size class of a
// heap has a depot: blocks that came back, have been checked, and serve the
// next refill without a look at their slabs. What finds no room in the depot
// goes on to the slabs.
//
//   where a block is          allocation bitmap   jemalloc's slab
//   program, or a cache       1                   in use
//   depot, or on its way      0                   in use
//   slab                      0                   free
//
// A page map entry comes to name a class of a heap only under the lock of that
// depot, and a bit within its slabs changes only under it. So if an entry names
// the class after a bit was seen, both under the lock, then the slab was of the
// class when the bit was read; and as long as the bit is 1, it remains so.
//
// Runs in: the monitor. REQUIRES: the compartment has a heap, unless said
// otherwise. Thread-safe.

#ifndef BULKHEAD_ALLOCATOR_HEAP_DEPOT_H_
#define BULKHEAD_ALLOCATOR_HEAP_DEPOT_H_

#include <cstddef>
#include <cstdint>

#include "allocator/heap/size_class.h"
#include "isolation/base/ids.h"

namespace bulkhead {

// What a trip to the monitor moves.
enum class Trip { kBatch, kSingle };

// What moved since the heap was made, exact at some moment during the call.
struct DepotCounts {
  uint64_t allocations = 0;  // blocks that left
  uint64_t frees = 0;        // blocks that came back
  uint64_t refills = 0;      // batches that left
  uint64_t flushes = 0;      // batches that came back
  uint64_t trips = 0;        // these, and those with a single block
};

// Makes a compartment's depots. False: no memory. REQUIRES: it has none.
bool MakeDepots(CompartmentId id);

// Forgets what lies in the depots. REQUIRES: nobody uses the heap.
void ForgetDepots(CompartmentId id);

// Takes up to `wanted` blocks of a small class out of the heap. Returns how
// many there were, at least one unless there is no memory.
// REQUIRES: wanted <= kMostBatch.
size_t TakeBlocks(CompartmentId id, SizeClass size_class, uintptr_t* blocks,
                  size_t wanted, Trip trip);

// Puts blocks of a small class back, up to the first that is not the start of a
// block of this class and heap that is out: returns its place. The addresses
// may be anything. REQUIRES: count <= kMostBatch.
size_t PutBlocks(CompartmentId id, SizeClass size_class,
                 const uintptr_t* blocks, size_t count, Trip trip);

// Puts everything that lies in the heap's depots into its slabs.
void DrainDepots(CompartmentId id);

// Looks at one depot after the other, a call each: what nobody has needed since
// the last look goes to the slabs.
void LookAfterDepots(CompartmentId id);

DepotCounts CountsOf(CompartmentId id, SizeClass size_class);

// Blocks in all depots of the heap, as of some moment.
size_t BlocksInDepots(CompartmentId id);

// Held around fork(), so that the child inherits the locks free. All heaps'.
void LockDepots();
void UnlockDepots();

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_DEPOT_H_
