// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the monitor tells of a heap, as it leaves it in the caller's record.
//
// Numbers of blocks and trips are counted where the monitor moves blocks, under
// the locks that it holds anyway, and are exact at some moment during the call.
// What lies in caches is counted by the caches' owners, in memory that the
// monitor does not trust: exact for a thread that asks about its own, an
// estimate while others run, and whatever a hostile compartment says of itself,
// up to what its caches could hold.

#ifndef BULKHEAD_ALLOCATOR_HEAP_MEASUREMENT_H_
#define BULKHEAD_ALLOCATOR_HEAP_MEASUREMENT_H_

#include <cstddef>
#include <cstdint>

#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Size classes in all, by jemalloc's numbers, of which 0 is not used.
inline constexpr uint32_t kAllClasses = 232;

// One size class of a heap, since the compartment was created. Bulkhead's own
// blocks are left out.
//
//   allocations - frees = blocks in use + cached + abandoned
struct MeasuredClass {
  uint64_t size_class = 0;
  uint64_t allocations = 0;      // blocks that went to the program or a cache
  uint64_t frees = 0;            // blocks that came back
  uint64_t cached = 0;           // now in threads' caches
  uint64_t abandoned = 0;        // in caches of threads that fork() left behind
  uint64_t refills = 0;          // trips that filled a cache
  uint64_t flushes = 0;          // trips that emptied a part of one
  uint64_t monitor_entries = 0;  // these, and trips with a single block
};
inline constexpr size_t kClassesAtOnce =
    kMostBatch * sizeof(uintptr_t) / sizeof(MeasuredClass);

struct MeasuredHeap {
  uint64_t active_bytes = 0;     // of pages that belong to blocks and slabs
  uint64_t dirty_bytes = 0;      // of pages freed and not yet given back
  uint64_t metadata_bytes = 0;   // of jemalloc's own
  uint64_t free_blocks = 0;      // in depots and slabs, and runs of free pages
  uint64_t caches = 0;           // of threads
  uint64_t monitor_entries = 0;  // by threads while they were inside
  uint64_t all_monitor_entries = 0;  // of the process; asked of the root alone
  CompartmentPages pages = {};
};
static_assert(sizeof(MeasuredHeap) <= sizeof(ThreadRecord::batch));

// The monitor's call Measure: with class 0, a MeasuredHeap; with another, up to
// kClassesAtOnce classes from that one on that ever had a block, and the value
// is their number. The status is BH_OK or BH_ERR_DESTROYED.

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_MEASUREMENT_H_
