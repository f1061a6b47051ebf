// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/stats/snapshot.h"

#include "allocator/heap/thread_cache.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

// Sums of which one part may not be known.
void Add(uint64_t& sum, uint64_t part) {
  sum = sum == kUnknown || part == kUnknown ? kUnknown : sum + part;
}

}  // namespace

Snapshot::Snapshot(const CompartmentRow& row) {
  if (__atomic_load_n(&row.state, __ATOMIC_ACQUIRE) != BH_STATE_LIVE) return;
  compartment_ = HandleOf(row);
  classes_ = ClassReader(compartment_);
  __builtin_memcpy(name_, row.name, sizeof(name_));
  MeasuredHeap measured;
  // If it lives now, it lived while the name was copied.
  ok_ = MeasureHeap(compartment_, measured);
  if (!ok_) return;
  heap_.monitor_entries = measured.monitor_entries;
  heap_.active_bytes = measured.active_bytes;
  heap_.dirty_bytes = measured.dirty_bytes;
  heap_.free_blocks = measured.free_blocks;
  heap_.caches = measured.caches;
  heap_.metadata_bytes = measured.metadata_bytes;
  Locate(measured.pages);
}

void Snapshot::Locate(const CompartmentPages& pages) {
  for (const PageRange& run : pages.heap) {
    if (run.bytes == 0) continue;
    heap_.committed_bytes += run.bytes;
    Add(heap_.resident_bytes, ResidentBytes(run, resident_));
    Add(heap_.live_map_bytes, ResidentBytes(reservation.LiveMapOf(run)));
  }
  Add(heap_.stack_bytes, ResidentBytes(pages.stacks));
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    const auto cache = reinterpret_cast<uintptr_t>(
        __atomic_load_n(&record->caches[compartment_.id], __ATOMIC_RELAXED));
    if (cache == 0) continue;
    Add(heap_.cache_bytes, ResidentBytes({cache, kCacheBytes}));
  }
}

bool Snapshot::Next(ClassUse& use) {
  const MeasuredClass* measured = classes_.Next();
  if (measured == nullptr) return false;
  use.size = SizeOf(SizeClass{static_cast<uint32_t>(measured->size_class)});
  use.cached = measured->cached;
  use.abandoned = measured->abandoned;
  use.allocations = measured->allocations;
  use.frees = measured->frees;
  use.live = use.allocations - use.frees - use.cached - use.abandoned;
  use.resident_bytes = heap_.resident_bytes == kUnknown
                           ? kUnknown
                           : resident_[measured->size_class];
  use.refills = measured->refills;
  use.flushes = measured->flushes;
  use.monitor_entries = measured->monitor_entries;
  heap_.live += use.live;
  heap_.live_bytes += use.live * use.size;
  heap_.cached += use.cached;
  heap_.cached_bytes += use.cached * use.size;
  heap_.allocations += use.allocations;
  heap_.frees += use.frees;
  heap_.abandoned += use.abandoned;
  heap_.refills += use.refills;
  heap_.flushes += use.flushes;
  return true;
}

}  // namespace bulkhead
