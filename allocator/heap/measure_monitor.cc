// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/measure_monitor.h"

#include "allocator/heap/arenas.h"
#include "allocator/heap/depot.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/jemalloc/backend.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/monitor/compartments.h"

namespace bulkhead {
namespace {

static_assert(kAllClasses == BULKHEAD_CLASSES);

// Of one heap. Several threads make and free caches at once.
struct CacheCounts {
  uint64_t made = 0;
  uint64_t freed = 0;
  // By class, what lay in caches that were abandoned; nullptr: none was.
  uint32_t* abandoned = nullptr;
};
constinit BULKHEAD_SEALED CacheCounts counts[BH_MAX_COMPARTMENTS] = {};

uint64_t Load(const uint64_t& number) {
  return __atomic_load_n(&number, __ATOMIC_RELAXED);
}

// Of two numbers that other threads may have changed in between.
uint64_t Less(uint64_t from, uint64_t part) {
  return part < from ? from - part : 0;
}

const ThreadCache* CacheOf(const ThreadRecord& record, CompartmentId id) {
  return __atomic_load_n(&record.caches[Index(id)], __ATOMIC_ACQUIRE);
}

// What a bin says that it holds, if it can hold as much.
uint32_t CountOf(const ThreadCache& cache, SizeClass size_class) {
  const uint32_t count =
      __atomic_load_n(&cache.bins[Index(size_class)].count, __ATOMIC_ACQUIRE);
  return count <= MostOf(size_class) ? count : 0;
}

// REQUIRES: the heap's memory is readable.
uint64_t CachedBlocks(CompartmentId id, SizeClass size_class) {
  uint64_t blocks = 0;
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    const ThreadCache* cache = CacheOf(*record, id);
    if (cache == nullptr) continue;
    const uint32_t count = CountOf(*cache, size_class);
    // A cache that has gone meanwhile is the program's memory by now, and
    // nobody else's business.
    if (CacheOf(*record, id) == cache) blocks += count;
  }
  return blocks;
}

// REQUIRES: as above.
bool IsInCache(const ThreadCache& cache, SizeClass size_class,
               uintptr_t block) {
  const CacheBin& bin = cache.bins[Index(size_class)];
  const uint32_t count = CountOf(cache, size_class);
  for (uint32_t i = 0; i < count; ++i) {
    if (__atomic_load_n(&bin.slots[i], __ATOMIC_RELAXED) == block) return true;
  }
  return false;
}

// What the monitor moved of a class, as if all of it were the program's.
MeasuredClass MeasureMoves(CompartmentId id, uint32_t size_class) {
  if (size_class < kSmallClasses) {
    const DepotCounts moved = CountsOf(id, SizeClass{size_class});
    return {size_class, moved.allocations, moved.frees,   0,
            0,          moved.refills,     moved.flushes, moved.trips};
  }
  MeasuredClass measured = {};
  measured.size_class = size_class;
  for (const bulkhead_arena arena : ArenasOf(id)) {
    bulkhead_class_stats moved;
    bulkhead_backend_class_stats(arena, size_class, &moved);
    measured.allocations += moved.allocations;
    measured.frees += moved.frees;
    measured.flushes += moved.flushes;
    measured.monitor_entries += moved.trips;
  }
  return measured;
}

// REQUIRES: the heap's memory is readable.
MeasuredClass MeasureClass(CompartmentId id, uint32_t size_class) {
  MeasuredClass measured = MeasureMoves(id, size_class);
  const CacheCounts& own = counts[Index(id)];
  if (SizeClass{size_class} == ClassOf(kCacheBytes)) {
    const uint64_t made = Load(own.made);
    const uint64_t freed = Load(own.freed);
    measured.allocations = Less(measured.allocations, made);
    measured.frees = Less(measured.frees, freed);
    measured.monitor_entries = Less(measured.monitor_entries, made);
  }
  if (measured.frees > measured.allocations) {
    measured.frees = measured.allocations;
  }
  if (size_class < kCachedClasses) {
    measured.cached = CachedBlocks(id, SizeClass{size_class});
    if (own.abandoned != nullptr) {
      measured.abandoned = own.abandoned[size_class];
    }
  }
  const uint64_t out = measured.allocations - measured.frees;
  if (measured.cached > out) measured.cached = out;
  const uint64_t rest = out - measured.cached;
  if (measured.abandoned > rest) measured.abandoned = rest;
  return measured;
}

uint64_t MeasureClasses(ThreadRecord& record, CompartmentId id,
                        uint32_t first) {
  uint64_t found = 0;
  if (enforcement == Enforcement::kPku) bulkhead_monitor_read_pku(Index(id));
  for (uint32_t i = first; i < kAllClasses && found < kClassesAtOnce; ++i) {
    const MeasuredClass measured = MeasureClass(id, i);
    if (measured.allocations == 0) continue;
    __builtin_memcpy(
        record.batch + found++ * sizeof(measured) / sizeof(record.batch[0]),
        &measured, sizeof(measured));
  }
  if (enforcement == Enforcement::kPku) {
    bulkhead_monitor_read_pku(Index(record.claimed));
  }
  return found;
}

void MeasureAll(ThreadRecord& record, CompartmentId id) {
  MeasuredHeap measured = {};
  for (const bulkhead_arena arena : ArenasOf(id)) {
    bulkhead_arena_stats stats;
    bulkhead_backend_stats(arena, &stats);
    measured.active_bytes += stats.active_bytes;
    measured.dirty_bytes += stats.dirty_bytes;
    measured.metadata_bytes += stats.metadata_bytes;
    measured.free_blocks += stats.free_blocks;
  }
  measured.free_blocks += BlocksInDepots(id);
  measured.caches =
      Less(Load(counts[Index(id)].made), Load(counts[Index(id)].freed));
  measured.monitor_entries = MonitorEntriesOf(id);
  if (id == kRoot) measured.all_monitor_entries = MonitorEntries();
  measured.pages = PagesOf(RowOf(id));
  __builtin_memcpy(record.batch, &measured, sizeof(measured));
}

// The table of what was abandoned; nullptr: no memory, and it counts as the
// program's.
uint32_t* AbandonedIn(CompartmentId id) {
  uint32_t*& abandoned = counts[Index(id)].abandoned;
  if (abandoned == nullptr) {
    abandoned = static_cast<uint32_t*>(AllocateMetadata(
        kCachedClasses * sizeof(*abandoned), alignof(uint32_t)));
  }
  return abandoned;
}

void Abandon(ThreadRecord& record, CompartmentId id) {
  if (enforcement == Enforcement::kPku) bulkhead_monitor_read_pku(Index(id));
  uint32_t* abandoned = AbandonedIn(id);
  for (uint32_t i = 1; abandoned != nullptr && i < kCachedClasses; ++i) {
    abandoned[i] += CountOf(*record.caches[Index(id)], SizeClass{i});
  }
  record.caches[Index(id)] = nullptr;
}

}  // namespace

void NoteCacheMade(CompartmentId id) {
  __atomic_fetch_add(&counts[Index(id)].made, 1, __ATOMIC_RELAXED);
}

void NoteCacheFreed(CompartmentId id) {
  __atomic_fetch_add(&counts[Index(id)].freed, 1, __ATOMIC_RELAXED);
}

void ForgetCounts(CompartmentId id) {
  CacheCounts& own = counts[Index(id)];
  own.made = 0;
  own.freed = 0;
  for (uint32_t i = 0; own.abandoned != nullptr && i < kCachedClasses; ++i) {
    own.abandoned[i] = 0;
  }
}

void AbandonCaches(ThreadRecord& own) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
      if (record == &own || record->caches[row] == nullptr) continue;
      Abandon(*record, CompartmentId{row});
    }
  }
  if (enforcement == Enforcement::kPku) {
    bulkhead_monitor_read_pku(Index(own.claimed));
  }
}

bool IsCached(ThreadRecord& record, uintptr_t block) {
  const SizeClass size_class{PageEntryOf(block) >> kTagBits};
  CompartmentId owner = kRoot;
  // Without keys the root alone has caches.
  if (Index(size_class) >= kCachedClasses || !FindOwner(block, owner) ||
      (enforcement != Enforcement::kPku && owner != kRoot)) {
    return false;
  }
  const HeapVisit visit(record, owner);
  if (!visit.ok()) return false;
  if (enforcement == Enforcement::kPku) bulkhead_monitor_read_pku(Index(owner));
  bool is_cached = false;
  for (const ThreadRecord* each = FirstRecord(); each != nullptr && !is_cached;
       each = each->next) {
    const ThreadCache* cache = CacheOf(*each, owner);
    is_cached = cache != nullptr && IsInCache(*cache, size_class, block);
  }
  if (enforcement == Enforcement::kPku) {
    bulkhead_monitor_read_pku(Index(record.claimed));
  }
  return is_cached;
}

bh_result Measure(ThreadRecord& record, uint64_t id, uint64_t generation,
                  uint64_t size_class, uint64_t) {
  LockCompartments();
  const CompartmentRow* row =
      FindLive({static_cast<uint32_t>(id), static_cast<uint32_t>(generation)});
  bh_result result = {0, BH_ERR_DESTROYED};
  if (row != nullptr) {
    result.status = BH_OK;
    if (size_class == 0) {
      MeasureAll(record, IdOf(*row));
    } else if (size_class < kAllClasses) {
      result.value =
          MeasureClasses(record, IdOf(*row), static_cast<uint32_t>(size_class));
    }
  }
  UnlockCompartments();
  return result;
}

}  // namespace bulkhead
