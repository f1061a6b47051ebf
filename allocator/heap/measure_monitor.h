// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The monitor's part of statistics. All of it runs in the monitor.

#ifndef BULKHEAD_ALLOCATOR_HEAP_MEASURE_MONITOR_H_
#define BULKHEAD_ALLOCATOR_HEAP_MEASURE_MONITOR_H_

#include <cstdint>

#include "allocator/heap/measurement.h"

namespace bulkhead {

// Caches are blocks of the heap that are not the program's. Thread-safe.
void NoteCacheMade(CompartmentId id);
void NoteCacheFreed(CompartmentId id);

// Begins anew for the next compartment in the row.
void ForgetCounts(CompartmentId id);

// Gives up the caches of all threads but `own`'s, which a fork left behind, and
// counts what lay in them: such a thread may have been in the middle of a
// change, so that nothing of it is used again. REQUIRES: no other thread runs.
void AbandonCaches(ThreadRecord& own);

// Whether a block lies in a thread's cache, and so is not the program's, as far
// as caches tell: their compartment can write to them. `record` is the
// caller's. REQUIRES: the block is in no depot.
bool IsCached(ThreadRecord& record, uintptr_t block);

bh_result Measure(ThreadRecord& record, uint64_t id, uint64_t generation,
                  uint64_t size_class, uint64_t);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_MEASURE_MONITOR_H_
