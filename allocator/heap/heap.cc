// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/heap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <array>

#include "allocator/heap/bad_free.h"
#include "allocator/heap/caller.h"
#include "allocator/heap/fast_path.h"
#include "allocator/heap/heap_monitor.h"
#include "allocator/heap/measure.h"
#include "allocator/heap/page_map.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/gate/handler_call.h"
#include "isolation/monitor/process.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/current.h"
#include "isolation/violation/fault_handler.h"

namespace bulkhead {
namespace {

// What is known of a block that a caller named.
struct Block {
  uintptr_t address;
  CompartmentId owner;
  SizeClass size_class;
  size_t size;
};

Caller CallerNow() { return FindCaller(EnterHeap()); }

// Whether the live map tells of the heap's blocks: where there are caches.
bool IsMapped(CompartmentId id) {
  return id == kRoot || enforcement == Enforcement::kPku;
}

void SetLive(uintptr_t block, CompartmentId id, const ThreadRecord& record) {
  if (IsMapped(id) && MayWrite(record, id)) LiveByteOf(block) = 1;
}

// Whether a cache may hold the block.
bool IsCached(const Caller& caller, const Block& block) {
  return caller.cache != nullptr && block.owner == caller.id &&
         Index(block.size_class) < kCachedClasses;
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
  const uint32_t entry = PageEntryOf(block.address);
  block.size_class = SizeClass{entry >> kTagBits};
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
  if (IsCached(caller, block) &&
      Holds(caller, block.size_class, block.address)) {
    bad.Report(ViolationKind::kDoubleFree);
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
  if (IsCached(caller, block) &&
      Push(caller, block.size_class, block.address)) {
    return;
  }
  const bh_result result =
      CallMonitor(caller.record, MonitorCall::kFree, block.address);
  if (result.status != 0) {
    BadFree(caller.record, block.address, return_address)
        .ReportStatus(static_cast<FreeStatus>(result.status));
  }
}

// Changes a block of a large class into one of class `wanted`, where it is, or
// else allocates that one: in one trip where the cache has none. The block that
// now serves; 0: neither was done.
uintptr_t ResizeLarge(const Caller& caller, const Block& block, size_t size,
                      SizeClass wanted) {
  const bool is_cached = IsCached(caller, {0, block.owner, wanted, 0}) &&
                         caller.BinOf(wanted).count != 0;
  const bh_result result = CallMonitor(caller.record, MonitorCall::kResize,
                                       block.address, size, is_cached ? 0 : 1);
  if (result.status == static_cast<uint64_t>(FreeStatus::kDone)) {
    return block.address;
  }
  if (result.status != static_cast<uint64_t>(FreeStatus::kMoved)) return 0;
  SetLive(result.value, block.owner, caller.record);
  return result.value;
}

void FreeBlock(void* pointer, const void* return_address) {
  const Caller caller = CallerNow();
  Release(caller, CheckBlock(caller.record, pointer, return_address),
          return_address);
}

uintptr_t BeginAgain(uintptr_t program_counter) {
  for (const bulkhead_root_way& way : bulkhead_root_ways) {
    if (program_counter >= way.begin && program_counter < way.first_write) {
      return way.begin;
    }
  }
  return program_counter;
}

constexpr auto MakeBinOffsets() {
  std::array<uint16_t, BH_MOST_TABLED + 1> offsets = {};
  for (size_t size = 0; size < offsets.size(); ++size) {
    offsets[size] = static_cast<uint16_t>(Index(ClassOf(size)) << kTagBits);
  }
  return offsets;
}

void* AllocateStarting(size_t size) {
  EnterHeap();
  return malloc(size);
}

void* AllocateNewStarting(size_t size) {
  EnterHeap();
  return bulkhead_new(size);
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
  const uintptr_t live = reservation.live_map().begin;
  bulkhead_heap_maps.begin = reservation.begin();
  bulkhead_heap_maps.pages = PageMap();
  bulkhead_heap_maps.allocated = AllocationBitmap();
  bulkhead_heap_maps.live = reinterpret_cast<unsigned char*>(live);
  bulkhead_heap_maps.live_bias = live - (reservation.begin() >> kGranuleShift);
  StartHeapMonitor();
  heap_hooks.allocate = AllocateFromAnywhere;
  heap_hooks.begin_again = BeginAgain;
  heap_hooks.statistics = CountHeap;
  heap_hooks.report_bad_leave = ReportBadLeave;
  object_finder = FindObject;
  RegisterFaultHandler();
  RegisterHandlerCaller();
  bulkhead_heap_entries =
      enforcement == Enforcement::kPku
          ? HeapEntries{bulkhead_malloc_in_domain, bulkhead_new_in_domain,
                        bulkhead_free_in_domain, bulkhead_free_sized_in_domain}
          : HeapEntries{bulkhead_allocate_long, bulkhead_new,
                        bulkhead_free_long, bulkhead_free_sized_long};
  // Opens the short ways.
  bulkhead_heap_maps.granules = reservation.bytes() >> kGranuleShift;
  bulkhead_heap_maps.tabled = BH_MOST_TABLED + 1;
  heap_started = true;
  SealProcess();
}

void* Allocate(size_t size, size_t alignment, Fill fill) {
  return AllocateFor(CallerNow(), size, alignment, fill);
}
void FreeAligned(void* pointer, size_t size, size_t alignment,
                 const void* return_address) {
  if (pointer == nullptr) return;
  const int saved_errno = errno;
  const Caller caller = CallerNow();
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
  const Caller caller = CallerNow();
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
  void* moved = nullptr;
  if (Index(wanted) >= kSmallClasses &&
      Index(block.size_class) >= kSmallClasses &&
      !(shrinks && RowOf(block.owner).traits.wipe)) {
    moved = reinterpret_cast<void*>(ResizeLarge(caller, block, size, wanted));
    if (moved == pointer) return pointer;
  }
  if (moved == nullptr) {
    moved = block.owner == caller.id
                ? AllocateFor(caller, size, 16, Fill::kNone)
                : AllocateFromAnywhere(block.owner, size, 16);
  }
  if (moved == nullptr) return nullptr;
  memcpy(moved, pointer, shrinks ? size : block.size);
  Release(caller, block, return_address);
  return moved;
}

size_t UsableSize(const void* pointer, const void* return_address) {
  const Caller caller = CallerNow();
  const Block block = CheckBlock(caller.record, pointer, return_address);
  CheckIsLive(caller, block, return_address);
  return block.size;
}

void PurgeHeaps() {
  const Caller caller = CallerNow();
  if (caller.cache != nullptr) EmptyCache(caller);
  for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
    CallMonitor(caller.record, MonitorCall::kPurge, row);
  }
}

}  // namespace bulkhead

constinit BULKHEAD_CONSTANT_AFTER_START
    bulkhead::HeapEntries bulkhead_heap_entries = {
        bulkhead::AllocateStarting, bulkhead::AllocateNewStarting,
        bulkhead::FreeStarting, bulkhead::FreeSizedStarting};
constexpr std::array<uint16_t, BH_MOST_TABLED + 1> bulkhead_bin_offsets =
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
