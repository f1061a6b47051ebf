// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/heap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <array>

#include "allocator/heap/bad_free.h"
#include "allocator/heap/fast_path.h"
#include "allocator/heap/heap_monitor.h"
#include "allocator/heap/measure.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/monitor/process.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/current.h"
#include "isolation/violation/fault_handler.h"

namespace bulkhead {
namespace {

// Of the credit until a cache is looked after, what a trip to the monitor
// costs.
constexpr uint32_t kCostOfTrip = 32;

// The calling thread, the compartment in whose domain it runs, and that one's
// cache, if it has one.
struct Caller {
  ThreadRecord& record;
  CompartmentId id;
  ThreadCache* cache;
};

ThreadCache* MakeCache(ThreadRecord& record) {
  return reinterpret_cast<ThreadCache*>(
      CallMonitor(record, MonitorCall::kMakeCache).value);
}

Caller FindCaller() {
  ThreadRecord& record = EnterHeap();
  if (enforcement == Enforcement::kPku) {
    const Pkru pkru = ReadPkru();
    // The bits of others' keys have changed: the short way knows again.
    if ((pkru & Pkru{bulkhead_owned_pkru}) == record.pkru &&
        Bits(pkru) != record.whole_pkru) {
      CallMonitor(record, MonitorCall::kSeePkru);
    }
  }
  const CompartmentId id = CurrentCompartment(record);
  // libc makes here what every domain will use.
  if (__builtin_expect(record.serving_libc != 0, false) && id != kRoot) {
    return {record, kRoot, nullptr};
  }
  ThreadCache* cache = record.caches[Index(id)];
  if (__builtin_expect(cache == nullptr, false)) cache = MakeCache(record);
  return {record, id, cache};
}

// Whether the live map tells of the heap's blocks: where there are caches.
bool IsMapped(CompartmentId id) {
  return id == kRoot || enforcement == Enforcement::kPku;
}

void SetLive(uintptr_t block, CompartmentId id, const ThreadRecord& record) {
  if (IsMapped(id) && MayWrite(record, id)) LiveByteOf(block) = 1;
}

// Gives the `count` oldest blocks of a bin back.
void FlushBin(const Caller& caller, SizeClass size_class, uint32_t count) {
  CacheBin& bin = caller.cache->bins[Index(size_class)];
  const bh_result result =
      CallMonitor(caller.record, MonitorCall::kFlush, Index(size_class), count);
  if (result.status != 0) {
    ReportBadFlush(result, caller.id, __builtin_return_address(0));
  }
  bin.count -= count;
  memmove(bin.slots, bin.slots + count, bin.count * sizeof(bin.slots[0]));
}

// Now and then: half of what lies in a bin that nobody came to goes back, and
// pages that have been unused for long go to the kernel.
void LookAfter(const Caller& caller) {
  CacheUpkeep& upkeep = caller.cache->upkeep;
  if (upkeep.credit <= kCredit && upkeep.credit > kCostOfTrip) {
    upkeep.credit -= kCostOfTrip;
    return;
  }
  upkeep.credit = kCredit;
  CallMonitor(caller.record, MonitorCall::kTick);
  upkeep.next_bin = upkeep.next_bin % (kCachedClasses - 1) + 1;
  const SizeClass looked{upkeep.next_bin};
  const uint32_t idle = caller.cache->bins[Index(looked)].count;
  if (!upkeep.used[Index(looked)] && idle != 0) {
    FlushBin(caller, looked, (idle + 1) / 2);
  }
  upkeep.used[Index(looked)] = false;
}

// A block of the class from the cache, which may go to the monitor for more.
// 0: no memory.
uintptr_t Pop(const Caller& caller, SizeClass size_class) {
  CacheBin& bin = caller.cache->bins[Index(size_class)];
  if (bin.count == 0) {
    if (Index(size_class) >= kSmallClasses) return 0;
    bin.room = RoomOf(size_class);
    caller.cache->upkeep.used[Index(size_class)] = true;
    const bh_result refill =
        CallMonitor(caller.record, MonitorCall::kRefill, Index(size_class),
                    BatchOf(size_class));
    // The lowest address first out.
    const auto count = static_cast<uint32_t>(refill.value);
    for (uint32_t i = 0; i < count; ++i) {
      bin.slots[i] = caller.record.batch[count - 1 - i];
    }
    bin.count = count;
    if (count == 0) return 0;
  }
  return bin.slots[--bin.count];
}

void* AllocateFor(const Caller& caller, size_t size, size_t alignment,
                  Fill fill) {
  if (size > PTRDIFF_MAX - kPageBytes) return nullptr;
  if (caller.cache != nullptr) LookAfter(caller);
  bool zeroed = false;
  uintptr_t block = 0;
  if (caller.cache != nullptr && ClassesAlign(alignment)) {
    const SizeClass size_class = ClassOf(size, alignment);
    if (Index(size_class) < kCachedClasses) block = Pop(caller, size_class);
    if (block == 0 && Index(size_class) < kSmallClasses) return nullptr;
  }
  if (block == 0) {
    const bh_result fresh = CallMonitor(caller.record, MonitorCall::kAllocate,
                                        Index(caller.id), size, alignment);
    block = fresh.value;
    zeroed = fresh.status == static_cast<uint64_t>(AllocateStatus::kZeroed);
    if (block == 0) return nullptr;
  }
  SetLive(block, caller.id, caller.record);
  auto* pointer = reinterpret_cast<void*>(block);
  if (fill == Fill::kZero && !zeroed) memset(pointer, 0, size);
  return pointer;
}

void* AllocateFromAnywhere(CompartmentId id, size_t size, size_t alignment) {
  ThreadRecord& record = EnterHeap();
  void* block = nullptr;
  if (size <= PTRDIFF_MAX) {
    block = reinterpret_cast<void*>(
        CallMonitor(record, MonitorCall::kAllocate, Index(id), size, alignment)
            .value);
  }
  if (block == nullptr) {
    errno = ENOMEM;
  } else {
    SetLive(reinterpret_cast<uintptr_t>(block), id, record);
  }
  return block;
}

// What is known of a block that a caller named.
struct Block {
  uintptr_t address;
  CompartmentId owner;
  SizeClass size_class;
  size_t size;
};

// Finds out whether the caller may do with the block what it wants to; reports
// and ends the process if not. Whether a cache holds it is not asked.
Block CheckBlock(ThreadRecord& record, const void* pointer,
                 const void* return_address) {
  Block block = {reinterpret_cast<uintptr_t>(pointer), kRoot, SizeClass{0}, 0};
  const BadFree bad(record, block.address, return_address);
  if (!FindOwner(block.address, block.owner)) {
    bad.Report(ViolationKind::kWildFree);
  }
  if (!MayWrite(record, block.owner)) bad.Report(ViolationKind::kForeignFree);
  const uint16_t entry = PageEntryOf(block.address);
  block.size_class = SizeClass{static_cast<uint32_t>(entry >> kTagBits)};
  const bool is_small = Index(block.size_class) < kSmallClasses;
  if (entry == 0 || block.address % 16 != 0 ||
      (!is_small && block.address % kPageBytes != 0)) {
    bad.ReportState();
  }
  block.size = Index(block.size_class) == kLastClass ? bad.SizeInUse()
                                                     : SizeOf(block.size_class);
  return block;
}

// Ends the process if the live map says that no block starts there, unless the
// block was allocated for this heap by who could not write to the map: that is
// not possible with the root's.
void CheckIsLive(const Caller& caller, const Block& block,
                 const void* return_address) {
  if (!IsMapped(block.owner) || LiveByteOf(block.address) == 1) return;
  const BadFree bad(caller.record, block.address, return_address);
  if (caller.cache != nullptr && block.owner == caller.id &&
      Index(block.size_class) < kCachedClasses) {
    const CacheBin& bin = caller.cache->bins[Index(block.size_class)];
    for (uint32_t i = 0; i < bin.count; ++i) {
      if (bin.slots[i] == block.address) {
        bad.Report(ViolationKind::kDoubleFree);
      }
    }
  }
  bad.ReportUnlessInUse();
  // It lies in another thread's cache.
  if (block.owner == kRoot) bad.Report(ViolationKind::kDoubleFree);
}

// A memset() that the compiler keeps although the block dies after it.
void Wipe(uintptr_t block, size_t size) {
  memset(reinterpret_cast<void*>(block), 0, size);
  __asm__ volatile("" : : "r"(block) : "memory");
}

void Release(const Caller& caller, const Block& block,
             const void* return_address) {
  CheckIsLive(caller, block, return_address);
  if (RowOf(block.owner).traits.wipe) Wipe(block.address, block.size);
  if (IsMapped(block.owner)) LiveByteOf(block.address) = 0;
  if (caller.cache == nullptr || caller.id != block.owner ||
      Index(block.size_class) >= kCachedClasses) {
    const bh_result result =
        CallMonitor(caller.record, MonitorCall::kFree, block.address);
    if (result.status != 0) {
      BadFree(caller.record, block.address, return_address)
          .ReportStatus(static_cast<FreeStatus>(result.status));
    }
    return;
  }
  CacheBin& bin = caller.cache->bins[Index(block.size_class)];
  if (bin.room == 0) bin.room = RoomOf(block.size_class);
  if (bin.count == bin.room) {
    caller.cache->upkeep.used[Index(block.size_class)] = true;
    LookAfter(caller);
    FlushBin(caller, block.size_class, (bin.count + 1) / 2);
  }
  bin.slots[bin.count++] = block.address;
}

void FreeBlock(void* pointer, const void* return_address) {
  const Caller caller = FindCaller();
  Release(caller, CheckBlock(caller.record, pointer, return_address),
          return_address);
}

constexpr auto MakeBinOffsets() {
  std::array<uint16_t, BH_MOST_TABLED / 16 + 1> offsets = {};
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = static_cast<uint16_t>(Index(ClassOf(i * 16)) << kTagBits);
  }
  return offsets;
}

void* AllocateStarting(size_t size) {
  EnterHeap();
  return malloc(size);
}

void FreeStarting(void* pointer) {
  EnterHeap();
  free(pointer);
}

void FreeSizedStarting(void* pointer, size_t size) {
  EnterHeap();
  bulkhead_heap_entries.free_sized(pointer, size);
}

}  // namespace

constinit BULKHEAD_CONSTANT_AFTER_START bool heap_started = false;

void StartHeap() {
  StartProcess();
  const bool has_keys = enforcement == Enforcement::kPku;
  const uint64_t granules = reservation.bytes() >> kGranuleShift;
  const uintptr_t live = reservation.live_map().begin;
  bulkhead_heap_maps = {reservation.begin(),
                        granules,
                        PageMap(),
                        reinterpret_cast<unsigned char*>(live),
                        live - (reservation.begin() >> kGranuleShift),
                        uint64_t{has_keys ? BH_MOST_TABLED + 1u : 0u},
                        has_keys ? granules : 0};
  StartHeapMonitor();
  heap_hooks.allocate = AllocateFromAnywhere;
  heap_hooks.statistics = CountHeap;
  heap_hooks.report_bad_leave = ReportBadLeave;
  RegisterFaultHandler();
  bulkhead_heap_entries =
      has_keys ? HeapEntries{bulkhead_allocate_long, bulkhead_free_long,
                             bulkhead_free_sized_long}
               : HeapEntries{bulkhead_malloc_without_keys,
                             bulkhead_free_without_keys,
                             bulkhead_free_sized_without_keys};
  heap_started = true;
  SealProcess();
}

void* Allocate(size_t size, size_t alignment, Fill fill) {
  return AllocateFor(FindCaller(), size, alignment, fill);
}
void FreeAligned(void* pointer, size_t size, size_t alignment,
                 const void* return_address) {
  if (pointer == nullptr) return;
  const int saved_errno = errno;
  const Caller caller = FindCaller();
  const Block block = CheckBlock(caller.record, pointer, return_address);
  if (ClassesAlign(alignment) && size <= PTRDIFF_MAX - alignment &&
      ClassOf(size, alignment) != block.size_class) {
    BadFree(caller.record, block.address, return_address)
        .Report(ViolationKind::kWrongSizeFree);
  }
  Release(caller, block, return_address);
  errno = saved_errno;
}

void* Resize(void* pointer, size_t size, const void* return_address) {
  const Caller caller = FindCaller();
  const Block block = CheckBlock(caller.record, pointer, return_address);
  CheckIsLive(caller, block, return_address);
  if (size > PTRDIFF_MAX - kPageBytes) return nullptr;
  const SizeClass wanted = ClassOf(size);
  const bool is_numbered = Index(wanted) != kLastClass;
  if (wanted == block.size_class && (is_numbered || size == block.size)) {
    return pointer;
  }
  // Shrinking in place would hand the tail back unwiped.
  const bool shrinks = size < block.size;
  if (Index(wanted) >= kSmallClasses &&
      Index(block.size_class) >= kSmallClasses &&
      !(shrinks && RowOf(block.owner).traits.wipe) &&
      CallMonitor(caller.record, MonitorCall::kResize, block.address, size)
              .status == static_cast<uint64_t>(FreeStatus::kDone)) {
    return pointer;
  }
  void* moved = block.owner == caller.id
                    ? AllocateFor(caller, size, 16, Fill::kNone)
                    : AllocateFromAnywhere(block.owner, size, 16);
  if (moved == nullptr) return nullptr;
  memcpy(moved, pointer, shrinks ? size : block.size);
  Release(caller, block, return_address);
  return moved;
}

size_t UsableSize(const void* pointer, const void* return_address) {
  const Caller caller = FindCaller();
  const Block block = CheckBlock(caller.record, pointer, return_address);
  CheckIsLive(caller, block, return_address);
  return block.size;
}

void PurgeHeaps() {
  const Caller caller = FindCaller();
  if (caller.cache != nullptr) {
    for (uint32_t i = 1; i < kCachedClasses; ++i) {
      const uint32_t count = caller.cache->bins[i].count;
      if (count != 0) FlushBin(caller, SizeClass{i}, count);
    }
  }
  for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
    CallMonitor(caller.record, MonitorCall::kPurge, row);
  }
}

}  // namespace bulkhead

constinit BULKHEAD_CONSTANT_AFTER_START
    bulkhead::HeapEntries bulkhead_heap_entries = {bulkhead::AllocateStarting,
                                                   bulkhead::FreeStarting,
                                                   bulkhead::FreeSizedStarting};
constexpr std::array<uint16_t, BH_MOST_TABLED / 16 + 1> bulkhead_bin_offsets =
    bulkhead::MakeBinOffsets();

extern "C" {

void* bulkhead_allocate_long(size_t size) {
  void* block = bulkhead::Allocate(size, 16, bulkhead::Fill::kNone);
  if (__builtin_expect(block == nullptr, false)) errno = ENOMEM;
  return block;
}

void bulkhead_free_long(void* pointer) {
  if (pointer == nullptr) return;
  const int saved_errno = errno;
  bulkhead::FreeBlock(pointer, __builtin_return_address(0));
  errno = saved_errno;
}

void bulkhead_free_sized_long(void* pointer, size_t size) {
  bulkhead::FreeAligned(pointer, size, 16, __builtin_return_address(0));
}

}  // extern "C"
