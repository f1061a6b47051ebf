// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/depot.h"

#include <array>

#include "allocator/heap/allocation_bitmap.h"
#include "allocator/heap/arenas.h"
#include "allocator/heap/page_map.h"
#include "allocator/jemalloc/backend.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// Blocks that the depot of a class has room for.
constexpr uint32_t RoomOf(SizeClass size_class) {
  constexpr size_t kMostBytes = size_t{64} << 10;
  constexpr uint32_t kMostBlocks = 256;
  const size_t blocks = kMostBytes / SizeOf(size_class);
  return blocks < kMostBlocks ? static_cast<uint32_t>(blocks) : kMostBlocks;
}

// Where the slots of each class begin among those of all, and in the last place
// how many there are.
constexpr auto MakeFirstSlots() {
  std::array<uint32_t, kSmallClasses + 1> first = {};
  for (uint32_t i = 1; i < kSmallClasses; ++i) {
    first[i + 1] = first[i] + RoomOf(SizeClass{i});
  }
  return first;
}
constexpr auto kFirstSlots = MakeFirstSlots();

struct alignas(64) Depot {
  Lock lock;
  uint32_t held ABSL_GUARDED_BY(lock) = 0;
  // At least so many since the last look: nobody needed them.
  uint32_t idle ABSL_GUARDED_BY(lock) = 0;
  DepotCounts counts ABSL_GUARDED_BY(lock);
};

// Of one compartment. Fresh memory is zero, and that is empty.
struct Depots {
  Depot depots[kSmallClasses];
  uint32_t next_look;
  uintptr_t slots[kFirstSlots[kSmallClasses]];

  uintptr_t* SlotsOf(SizeClass size_class) {
    return slots + kFirstSlots[Index(size_class)];
  }
};

// By compartment; nullptr: it never had a heap.
constinit BULKHEAD_SEALED Depots* all_depots[BH_MAX_COMPARTMENTS] = {};

Depots& DepotsOf(CompartmentId id) { return *all_depots[Index(id)]; }

// A build without, to measure what counting costs.
#ifdef BULKHEAD_UNCOUNTED
constexpr bool kCounts = false;
#else
constexpr bool kCounts = true;
#endif

void Count(uint64_t& trips, uint64_t& batches, uint64_t& blocks, size_t moved,
           Trip trip) {
  if (!kCounts) return;
  ++trips;
  if (trip == Trip::kBatch) ++batches;
  blocks += moved;
}

void CountTaken(DepotCounts& counts, size_t blocks, Trip trip) {
  Count(counts.trips, counts.refills, counts.allocations, blocks, trip);
}

void CountPut(DepotCounts& counts, size_t blocks, Trip trip) {
  Count(counts.trips, counts.flushes, counts.frees, blocks, trip);
}

// Into the slabs: blocks that were in the depot, or would have been.
void PutIntoSlabs(CompartmentId id, SizeClass size_class,
                  const uintptr_t* blocks, size_t count) {
  if (count == 0) return;
  BULKHEAD_CHECK(bulkhead_backend_flush(ArenaOf(id), Index(size_class), blocks,
                                        count) == count,
                 "a slab does not know a block of its own");
}

// As TakeBlocks(), from the slabs.
size_t TakeFromSlabs(CompartmentId id, SizeClass size_class, uintptr_t* blocks,
                     size_t wanted, Trip trip) {
  const size_t count =
      bulkhead_backend_fill(ArenaOf(id), Index(size_class), blocks, wanted);
  if (count == 0) return 0;
  const HeapMaps maps = bulkhead_heap_maps;
  const uint32_t entry = PageEntry(size_class, id);
  Depot& depot = DepotsOf(id).depots[Index(size_class)];
  LockHolder hold(depot.lock);
  for (size_t i = 0; i < count; ++i) {
    if (PageEntryOf(maps, blocks[i]) != entry) MapBlock(blocks[i], entry);
    SetOut(maps, blocks[i]);
  }
  CountTaken(depot.counts, count, trip);
  return count;
}

// Takes the oldest blocks, which leave for the slabs, out of the depot.
size_t RemoveBlocks(CompartmentId id, SizeClass size_class, size_t most,
                    uintptr_t* blocks) {
  Depots& own = DepotsOf(id);
  Depot& depot = own.depots[Index(size_class)];
  LockHolder hold(depot.lock);
  const auto count =
      depot.held < most ? depot.held : static_cast<uint32_t>(most);
  uintptr_t* const slots = own.SlotsOf(size_class);
  __builtin_memcpy(blocks, slots, count * sizeof(*slots));
  depot.held -= count;
  __builtin_memmove(slots, slots + count, depot.held * sizeof(*slots));
  if (depot.held < depot.idle) depot.idle = depot.held;
  return count;
}

void Drain(CompartmentId id, SizeClass size_class, size_t most) {
  uintptr_t blocks[BULKHEAD_MOST_FLUSHED];
  while (most != 0) {
    const size_t count = RemoveBlocks(
        id, size_class,
        most < BULKHEAD_MOST_FLUSHED ? most : BULKHEAD_MOST_FLUSHED, blocks);
    if (count == 0) return;
    PutIntoSlabs(id, size_class, blocks, count);
    most -= count;
  }
}

}  // namespace

bool MakeDepots(CompartmentId id) {
  Depots*& depots = all_depots[Index(id)];
  if (depots == nullptr) {
    depots = static_cast<Depots*>(
        AllocateMetadata(RoundUp(sizeof(Depots), kPageBytes), kPageBytes));
  }
  return depots != nullptr;
}

void ForgetDepots(CompartmentId id) {
  const auto begin = reinterpret_cast<uintptr_t>(&DepotsOf(id));
  BULKHEAD_CHECK(sys::Madvise(begin, RoundUp(sizeof(Depots), kPageBytes),
                              MADV_DONTNEED) == 0,
                 "the kernel refuses to empty metadata");
}

size_t TakeBlocks(CompartmentId id, SizeClass size_class, uintptr_t* blocks,
                  size_t wanted, Trip trip) {
  const HeapMaps maps = bulkhead_heap_maps;
  Depots& own = DepotsOf(id);
  Depot& depot = own.depots[Index(size_class)];
  {
    LockHolder hold(depot.lock);
    const size_t count = depot.held < wanted ? depot.held : wanted;
    const uintptr_t* top = own.SlotsOf(size_class) + depot.held;
    for (size_t i = 0; i < count; ++i) {
      blocks[i] = *--top;
      SetOut(maps, blocks[i]);
    }
    if (count != 0) {
      depot.held -= static_cast<uint32_t>(count);
      if (depot.held < depot.idle) depot.idle = depot.held;
      CountTaken(depot.counts, count, trip);
      return count;
    }
  }
  return TakeFromSlabs(id, size_class, blocks, wanted, trip);
}

size_t PutBlocks(CompartmentId id, SizeClass size_class,
                 const uintptr_t* blocks, size_t count, Trip trip) {
  const HeapMaps maps = bulkhead_heap_maps;
  const uint32_t entry = PageEntry(size_class, id);
  Depots& own = DepotsOf(id);
  Depot& depot = own.depots[Index(size_class)];
  size_t done = 0;
  size_t room = 0;
  {
    LockHolder hold(depot.lock);
    uintptr_t* const top = own.SlotsOf(size_class) + depot.held;
    room = RoomOf(size_class) - depot.held;
    for (; done < count; ++done) {
      const uintptr_t block = blocks[done];
      // In this order: see above.
      if (!IsMapped(maps, block) || !IsOut(maps, block) ||
          PageEntryOf(maps, block) != entry) {
        break;
      }
      SetIn(maps, block);
      if (done < room) top[done] = block;
    }
    depot.held += static_cast<uint32_t>(done < room ? done : room);
    CountPut(depot.counts, done, trip);
  }
  if (done > room) PutIntoSlabs(id, size_class, blocks + room, done - room);
  return done;
}

void DrainDepots(CompartmentId id) {
  for (uint32_t i = 1; i < kSmallClasses; ++i) {
    Drain(id, SizeClass{i}, RoomOf(SizeClass{i}));
  }
}

void LookAfterDepots(CompartmentId id) {
  Depots& own = DepotsOf(id);
  const uint32_t turn = __atomic_fetch_add(&own.next_look, 1, __ATOMIC_RELAXED);
  const SizeClass looked{turn % (kSmallClasses - 1) + 1};
  Depot& depot = own.depots[Index(looked)];
  uint32_t idle = 0;
  {
    LockHolder hold(depot.lock);
    idle = depot.idle;
  }
  Drain(id, looked, idle);
  LockHolder hold(depot.lock);
  depot.idle = depot.held;
}

DepotCounts CountsOf(CompartmentId id, SizeClass size_class) {
  Depot& depot = DepotsOf(id).depots[Index(size_class)];
  LockHolder hold(depot.lock);
  return depot.counts;
}

size_t BlocksInDepots(CompartmentId id) {
  size_t blocks = 0;
  for (Depot& depot : DepotsOf(id).depots) {
    LockHolder hold(depot.lock);
    blocks += depot.held;
  }
  return blocks;
}

void LockDepots() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (Depots* own : all_depots) {
    if (own == nullptr) continue;
    for (Depot& depot : own->depots) depot.lock.Acquire();
  }
}

void UnlockDepots() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (Depots* own : all_depots) {
    if (own == nullptr) continue;
    for (Depot& depot : own->depots) depot.lock.Release();
  }
}

}  // namespace bulkhead
