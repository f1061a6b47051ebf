// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/heap_monitor.h"

#include "allocator/heap/allocation_bitmap.h"
#include "allocator/heap/arenas.h"
#include "allocator/heap/depot.h"
#include "allocator/heap/find_block.h"
#include "allocator/heap/measure_monitor.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/jemalloc/backend.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/monitor/compartments.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/current.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

void InitialiseState(void* state) {
  bulkhead_backend_initialise_state(state, kBackendStateBytes);
}

uintptr_t Commit(uint32_t owner, size_t bytes, size_t alignment) {
  return CommitHeap(RowOf(CompartmentId{owner}), bytes, alignment);
}

bool HasHeap(CompartmentId id) { return ArenaOf(id) != BULKHEAD_NO_ARENA; }

bool CreateHeap(CompartmentId id) { return MakeDepots(id) && MakeArenas(id); }

void DiscardHeap(CompartmentId id) {
  DestroyArenas(id);
  ForgetCounts(id);
  ForgetDepots(id);
  for (const HeapRun& run : RowOf(id).runs) {
    BULKHEAD_CHECK(ClearMapsOf(run.cages),
                   "the kernel refuses to empty metadata");
  }
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    record->caches[Index(id)] = nullptr;
    record->idle_caches[Index(id)] = nullptr;
  }
}

bh_result Status(FreeStatus status, uintptr_t address = 0) {
  return {address, static_cast<uint64_t>(status)};
}

FreeStatus StatusOf(bulkhead_block block) {
  switch (block) {
    case BULKHEAD_BLOCK_LIVE:
      return FreeStatus::kDone;
    case BULKHEAD_BLOCK_INTERIOR:
      return FreeStatus::kInterior;
    case BULKHEAD_BLOCK_FREE:
      return FreeStatus::kFree;
    case BULKHEAD_BLOCK_NONE:
      return FreeStatus::kNothing;
  }
  Die("unknown state of a block");
}

// Whether the caller's rights let it write to the heap of `owner`.
bool CallerMayWrite(const ThreadRecord& record, CompartmentId owner) {
  if (enforcement == Enforcement::kPku) {
    const Pkru rights = record.pkru & Pkru{RowOf(record.claimed).open_mask};
    const HardwareKey key =
        owner == kRoot ? root_heap_key : RowOf(owner).heap_key;
    return Bits(rights & BothBits(key)) == 0;
  }
  return MayWriteByPages(record, owner);
}

// Finds out whether the caller may free or change the block at `address`.
FreeStatus Check(const ThreadRecord& record, uintptr_t address,
                 CompartmentId& owner, size_t& size) {
  if (!FindOwner(address, owner)) return FreeStatus::kNothing;
  if (!CallerMayWrite(record, owner)) return FreeStatus::kForeign;
  const bulkhead_found found = FindBlock(address);
  const FreeStatus status = StatusOf(found.state);
  size = found.size;
  // A cache is a block to jemalloc, but nobody's to free.
  if (status == FreeStatus::kDone && PageEntryOf(address) == 0) {
    return FreeStatus::kNothing;
  }
  return status;
}

// Makes the caller the only one who frees or resizes the block of whole pages
// whose page map entry this is: takes the entry away, so that nobody else finds
// the block. False: somebody else did.
bool ClaimPages(uintptr_t block, uint32_t entry) {
  return block % kPageBytes == 0 && entry >> kTagBits >= kSmallClasses &&
         __atomic_compare_exchange_n(&PageEntryOf(block), &entry, 0, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

// Frees a block that Check() found in use, unless somebody else has freed it
// since.
FreeStatus FreeOnce(uintptr_t block, CompartmentId owner) {
  const uint32_t entry = PageEntryOf(block);
  const SizeClass size_class{entry >> kTagBits};
  if (entry != 0 && IsSmall(size_class)) {
    return PutBlocks(owner, size_class, &block, 1, Trip::kSingle) == 1
               ? FreeStatus::kDone
               : FreeStatus::kFree;
  }
  if (!ClaimPages(block, entry)) return FreeStatus::kFree;
  bulkhead_backend_count_trip(ArenaOf(owner),
                              bulkhead_backend_pages_of(block).size_class,
                              BULKHEAD_TRIP_SINGLE);
  bulkhead_backend_free(block);
  return FreeStatus::kDone;
}

// jemalloc cuts no small block out of a much larger run of freed pages, unless
// they have been purged: nothing would ever come of those again.
void GatherFreePages(CompartmentId id) {
  DrainDepots(id);
  for (const bulkhead_arena arena : ArenasOf(id)) bulkhead_backend_purge(arena);
}

size_t TakeSmall(CompartmentId id, SizeClass size_class, uintptr_t* blocks,
                 size_t wanted, Trip trip) {
  size_t count = TakeBlocks(id, size_class, blocks, wanted, trip);
  if (count == 0 && CommittedBytes(RowOf(id)) != 0) {
    GatherFreePages(id);
    count = TakeBlocks(id, size_class, blocks, wanted, trip);
  }
  return count;
}

void MapLarge(uintptr_t block, CompartmentId id) {
  const uint32_t number = bulkhead_backend_pages_of(block).size_class;
  MapBlock(block,
           PageEntry(SizeClass{number < kLastClass ? number : kLastClass}, id));
}

uintptr_t TakeLarge(CompartmentId id, size_t size, size_t alignment,
                    bool& zeroed) {
  uintptr_t block =
      bulkhead_backend_allocate(PagesArenaOf(id), size, alignment, &zeroed);
  if (block == 0 && size <= CommittedBytes(RowOf(id))) {
    GatherFreePages(id);
    for (const bulkhead_arena arena : ArenasOf(id)) {
      block = bulkhead_backend_allocate(arena, size, alignment, &zeroed);
      if (block != 0) break;
    }
  }
  if (block != 0) MapLarge(block, id);
  return block;
}

// A block of any size, in the page map. 0: no memory.
uintptr_t TakeBlock(CompartmentId id, size_t size, size_t alignment,
                    bool& zeroed) {
  if (!ClassesAlign(alignment) || !IsSmall(ClassOf(size, alignment))) {
    return TakeLarge(id, size, alignment, zeroed);
  }
  uintptr_t block = 0;
  zeroed = false;
  TakeSmall(id, ClassOf(size, alignment), &block, 1, Trip::kSingle);
  return block;
}

bool Probe(CompartmentId id) {
  bool zeroed = false;
  return TakeBlock(id, 1, 16, zeroed) != 0;
}

bh_result Allocate(ThreadRecord& record, uint64_t row, uint64_t size,
                   uint64_t alignment, uint64_t) {
  if (row >= BH_MAX_COMPARTMENTS || size > PTRDIFF_MAX || alignment == 0 ||
      (alignment & (alignment - 1)) != 0) {
    return {};
  }
  const CompartmentId id{static_cast<uint32_t>(row)};
  // Others' memory is not a sandbox's to use up.
  if (IsConfined(record) && !CallerMayWrite(record, id)) return {};
  const HeapVisit visit(record, id);
  if (!visit.ok()) return {};
  // Who has no cache asks for no tick.
  if (record.caches[row] == nullptr) bulkhead_backend_look_up_time();
  bool zeroed = false;
  const uintptr_t block = TakeBlock(id, size, alignment, zeroed);
  if (block == 0) return {};
  return {block, static_cast<uint64_t>(zeroed ? AllocateStatus::kZeroed
                                              : AllocateStatus::kAsIs)};
}

bh_result Refill(ThreadRecord& record, uint64_t raw_class, uint64_t wanted,
                 uint64_t, uint64_t) {
  const CompartmentId id = record.caller;
  if (!HasHeap(id) || raw_class == 0 || raw_class >= kSmallClasses ||
      wanted > kMostBatch) {
    return {};
  }
  return {TakeSmall(id, SizeClass{static_cast<uint32_t>(raw_class)},
                    record.batch, wanted, Trip::kBatch),
          0};
}

// What is wrong with an address where no block of the expected class and owner,
// `id`, starts that is out.
bh_result WhyNotOf(CompartmentId id, uintptr_t address) {
  CompartmentId owner;
  if (!FindOwner(address, owner)) return Status(FreeStatus::kNothing, address);
  if (owner != id) return Status(FreeStatus::kForeign, address);
  const FreeStatus status = StatusOf(FindBlock(address).state);
  return Status(status == FreeStatus::kDone ? FreeStatus::kNothing : status,
                address);
}

// As PutBlocks(), of a class of whole pages.
size_t PutPages(CompartmentId id, SizeClass size_class, const uintptr_t* blocks,
                size_t count) {
  const uint32_t entry = PageEntry(size_class, id);
  size_t done = 0;
  for (; done < count; ++done) {
    const uintptr_t block = blocks[done];
    if (!reservation.Contains(block) || PageEntryOf(block) != entry ||
        !ClaimPages(block, entry)) {
      break;
    }
    bulkhead_backend_free(block);
  }
  bulkhead_backend_count_trip(ArenaOf(id), Index(size_class),
                              BULKHEAD_TRIP_FLUSH);
  return done;
}

// Puts blocks back that a cache of `id` held: whatever stands in `blocks`.
bh_result PutBack(CompartmentId id, SizeClass size_class,
                  const uintptr_t* blocks, size_t count) {
  if (count == 0) return {};
  const size_t done =
      IsSmall(size_class)
          ? PutBlocks(id, size_class, blocks, count, Trip::kBatch)
          : PutPages(id, size_class, blocks, count);
  return done == count ? bh_result{} : WhyNotOf(id, blocks[done]);
}

// Puts back `count` blocks of a bin, from a slot on, loading each slot once.
// REQUIRES: the cache's memory is readable; count <= kMostBatch.
bh_result PutBackFrom(ThreadRecord& record, CompartmentId id,
                      SizeClass size_class, size_t from, size_t count) {
  uintptr_t blocks[kMostBatch];
  const CacheBin& bin = record.caches[Index(id)]->bins[Index(size_class)];
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = __atomic_load_n(&bin.slots[from + i], __ATOMIC_RELAXED);
  }
  return PutBack(id, size_class, blocks, count);
}

bh_result Flush(ThreadRecord& record, uint64_t raw_class, uint64_t count,
                uint64_t, uint64_t) {
  const CompartmentId id = record.caller;
  if (record.caches[Index(id)] == nullptr || raw_class == 0 ||
      raw_class >= kCachedClasses || count > kMostBatch) {
    return {};
  }
  // What the record's own domain opens is closed in here.
  const bool opens = enforcement == Enforcement::kPku && id != record.claimed;
  if (opens) bulkhead_monitor_read_pku(Index(id));
  const bh_result result = PutBackFrom(
      record, id, SizeClass{static_cast<uint32_t>(raw_class)}, 0, count);
  if (opens) bulkhead_monitor_read_pku(Index(record.claimed));
  return result;
}

// Without keys a compartment is closed to the monitor as to everyone else.
bool MayHaveCache(const ThreadRecord& record) {
  return !record.exiting &&
         (record.caller == kRoot || enforcement == Enforcement::kPku);
}

// An empty cache in the heap, or nullptr.
ThreadCache* AllocateCache(CompartmentId id) {
  bool zeroed = false;
  const uintptr_t block =
      bulkhead_backend_allocate(ArenaOf(id), kCacheBytes, kPageBytes, &zeroed);
  if (block == 0) return nullptr;
  if (!zeroed && sys::Madvise(block, kCacheBytes, MADV_DONTNEED) != 0) {
    bulkhead_backend_free(block);
    return nullptr;
  }
  NoteCacheMade(id);
  return reinterpret_cast<ThreadCache*>(block);
}

bh_result MakeCache(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                    uint64_t) {
  const CompartmentId id = record.caller;
  if (!MayHaveCache(record) || !HasHeap(id)) return {};
  if (record.caches[Index(id)] == nullptr) {
    ThreadCache* cache = record.idle_caches[Index(id)];
    record.idle_caches[Index(id)] = nullptr;
    if (cache == nullptr) cache = AllocateCache(id);
    if (cache == nullptr) return {};
    __atomic_store_n(&record.caches[Index(id)], cache, __ATOMIC_RELEASE);
  }
  SetCurrent(record, record.current);
  return {reinterpret_cast<uintptr_t>(record.caches[Index(id)]), 0};
}

bh_result DrainBin(ThreadRecord& record, CompartmentId id,
                   SizeClass size_class) {
  const CacheBin& bin = record.caches[Index(id)]->bins[Index(size_class)];
  const uint32_t count = __atomic_load_n(&bin.count, __ATOMIC_RELAXED);
  if (count > kBinSlots) {
    return Status(FreeStatus::kNothing, reinterpret_cast<uintptr_t>(&bin));
  }
  bh_result first_bad = {};
  for (uint32_t from = 0; from < count; from += kMostBatch) {
    const uint32_t left = count - from;
    const bh_result result = PutBackFrom(record, id, size_class, from,
                                         left < kMostBatch ? left : kMostBatch);
    if (result.status != 0 && first_bad.status == 0) first_bad = result;
  }
  return first_bad;
}

// Empties one cache of the caller's, gives its pages back, and keeps their
// addresses for the record's next thread.
bh_result DrainCache(ThreadRecord& record, CompartmentId id) {
  bh_result first_bad = {};
  for (uint32_t i = 1; i < kCachedClasses; ++i) {
    const bh_result result = DrainBin(record, id, SizeClass{i});
    if (result.status != 0 && first_bad.status == 0) first_bad = result;
  }
  const auto block = reinterpret_cast<uintptr_t>(record.caches[Index(id)]);
  // Whoever counts what lies in caches finds out in time that it is none.
  __atomic_store_n(&record.caches[Index(id)], nullptr, __ATOMIC_RELEASE);
  if (sys::Madvise(block, kCacheBytes, MADV_DONTNEED) == 0) {
    record.idle_caches[Index(id)] = reinterpret_cast<ThreadCache*>(block);
  } else {
    NoteCacheFreed(id);
    bulkhead_backend_free(block);
  }
  return first_bad;
}

bh_result Leave(ThreadRecord& record) {
  bh_result first_bad = {};
  for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
    if (record.caches[row] == nullptr) continue;
    const CompartmentId id{row};
    const HeapVisit visit(record, id);
    if (!visit.ok() || record.caches[row] == nullptr) continue;
    if (enforcement == Enforcement::kPku) bulkhead_monitor_read_pku(row);
    bh_result result = DrainCache(record, id);
    if (result.status == 0 || first_bad.status != 0) continue;
    result.status |= uint64_t{row} << kLeftRowShift;
    first_bad = result;
  }
  if (enforcement == Enforcement::kPku) {
    bulkhead_monitor_read_pku(Index(record.claimed));
  }
  SetCurrent(record, record.current);
  return first_bad;
}

bh_result Free(ThreadRecord& record, uint64_t address, uint64_t, uint64_t,
               uint64_t) {
  CompartmentId owner = kRoot;
  size_t size;
  FreeStatus status = Check(record, address, owner, size);
  if (status == FreeStatus::kDone) status = FreeOnce(address, owner);
  if (status != FreeStatus::kDone) return Status(status, address);
  return {};
}

bh_result Resize(ThreadRecord& record, uint64_t address, uint64_t size,
                 uint64_t may_move, uint64_t) {
  CompartmentId owner = kRoot;
  size_t had;
  const FreeStatus status = Check(record, address, owner, had);
  if (status != FreeStatus::kDone) return Status(status, address);
  if (size > PTRDIFF_MAX || IsSmall(ClassOf(had))) {
    return Status(FreeStatus::kNoMemory);
  }
  if (!ClaimPages(address, PageEntryOf(address))) {
    return Status(FreeStatus::kFree, address);
  }
  const bool resized = bulkhead_backend_resize(address, size);
  MapLarge(address, owner);
  if (resized) return {};
  bool zeroed = false;
  const uintptr_t block = may_move != 0 && owner == record.caller
                              ? TakeBlock(owner, size, 16, zeroed)
                              : 0;
  if (block == 0) return Status(FreeStatus::kNoMemory);
  return Status(FreeStatus::kMoved, block);
}

// Where the block begins goes to the record's batch; and, for who looks into
// the caches, whether it lies in one.
bh_result Inspect(ThreadRecord& record, uint64_t address, uint64_t looks,
                  uint64_t, uint64_t) {
  const bulkhead_found found = FindBlock(address);
  const bool in_use = found.state == BULKHEAD_BLOCK_LIVE ||
                      found.state == BULKHEAD_BLOCK_INTERIOR;
  record.batch[0] = 0;
  // A cache is a block to jemalloc, but nobody's.
  if (in_use && PageEntryOf(found.begin) == 0) {
    return Status(FreeStatus::kNothing);
  }
  record.batch[0] = found.begin;
  record.batch[1] = in_use && looks != 0 && IsCached(record, found.begin);
  return {found.size, static_cast<uint64_t>(StatusOf(found.state))};
}

bh_result Tick(ThreadRecord& record, uint64_t, uint64_t, uint64_t, uint64_t) {
  const CompartmentId id = record.caller;
  if (!HasHeap(id)) return {};
  LookAfterDepots(id);
  for (const bulkhead_arena arena : ArenasOf(id)) bulkhead_backend_tick(arena);
  return {};
}

bh_result Purge(ThreadRecord& record, uint64_t row, uint64_t, uint64_t,
                uint64_t) {
  if (row >= BH_MAX_COMPARTMENTS) return {};
  const CompartmentId id{static_cast<uint32_t>(row)};
  const HeapVisit visit(record, id);
  if (visit.ok()) GatherFreePages(id);
  return {};
}

void BeforeFork() {
  LockDepots();
  LockArenas();
  bulkhead_backend_before_fork();
}

void AfterForkInParent() {
  bulkhead_backend_after_fork_in_parent();
  UnlockArenas();
  UnlockDepots();
}

void AfterForkInChild() {
  bulkhead_backend_after_fork_in_child();
  UnlockArenas();
  UnlockDepots();
}

}  // namespace

void StartHeapMonitor() {
  heap_hooks.create = CreateHeap;
  heap_hooks.probe = Probe;
  heap_hooks.discard = DiscardHeap;
  heap_hooks.leave = Leave;
  heap_hooks.abandon = AbandonCaches;
  heap_hooks.before_fork = BeforeFork;
  heap_hooks.after_fork_in_parent = AfterForkInParent;
  heap_hooks.after_fork_in_child = AfterForkInChild;
  heap_hooks.calls = {MakeCache, Refill,  Flush, Allocate, Free,
                      Resize,    Inspect, Tick,  Purge,    Measure};
  initialise_backend_state = InitialiseState;
  InitialiseState(RecordAtGs()->backend_state);
  BULKHEAD_CHECK(
      bulkhead_backend_start(Commit, UnmapPages) && CreateHeap(kRoot),
      "no memory to start the heap");
  SetCurrent(*RecordAtGs(), kRoot);
}

}  // namespace bulkhead
