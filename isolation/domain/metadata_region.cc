// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/metadata_region.h"

#include <bit>

#include "isolation/arch/layout.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// Pages become accessible in steps of this, to spare system calls.
constexpr size_t kStep = size_t{256} << 10;
constexpr size_t kRecordsShare = 16;

// A part of the reservation that is handed out from its lower end.
struct Region {
  PageRange pages = {};
  uintptr_t next = 0;
  uintptr_t opened_end = 0;

  void Set(PageRange range) {
    pages = range;
    next = opened_end = range.begin;
  }

  uintptr_t Take(size_t bytes, size_t alignment, HardwareKey key) {
    const uintptr_t begin = RoundUp(next, alignment);
    if (bytes > pages.bytes || begin > pages.end() - bytes) return 0;
    const uintptr_t end = begin + bytes;
    if (end > opened_end) {
      uintptr_t wanted = RoundUp(end, kStep);
      if (wanted > pages.end()) wanted = pages.end();
      if (!OpenForGood({opened_end, wanted - opened_end}, key)) return 0;
      opened_end = wanted;
    }
    next = end;
    return begin;
  }
};

constinit BULKHEAD_SEALED Lock lock;
constinit BULKHEAD_SEALED Region records ABSL_GUARDED_BY(lock);
constinit BULKHEAD_SEALED Region metadata ABSL_GUARDED_BY(lock);
constinit BULKHEAD_SEALED uintptr_t next_stack ABSL_GUARDED_BY(lock) = 0;
// Both constant after the start, but that is later than other constants.
constinit BULKHEAD_SEALED uint32_t* page_map = nullptr;
constinit BULKHEAD_SEALED uint64_t* allocation_bitmap = nullptr;

// What one byte of the bitmap tells of.
constexpr unsigned kBitmapShift = kGranuleShift + 3;

bool ProtectMaps(PageRange pages, int protection) {
  const long done = metadata_key == kUntagged
                        ? sys::Mprotect(pages.begin, pages.bytes, protection)
                        : sys::PkeyMprotect(pages.begin, pages.bytes,
                                            protection, Number(metadata_key));
  return done == 0;
}

uintptr_t PageMapOf(uintptr_t address) {
  return reinterpret_cast<uintptr_t>(
      page_map + (address - reservation.begin()) / kPageBytes);
}

uintptr_t AllocationBitmapOf(uintptr_t address) {
  return reinterpret_cast<uintptr_t>(allocation_bitmap) +
         ((address - reservation.begin()) >> kBitmapShift);
}

bool OpenMapOf(PageRange pages, uintptr_t (*map_of)(uintptr_t)) {
  const uintptr_t begin = RoundDown(map_of(pages.begin), kPageBytes);
  const uintptr_t end = RoundUp(map_of(pages.end()), kPageBytes);
  return ProtectMaps({begin, end - begin}, PROT_READ | PROT_WRITE);
}

bool ClearMapOf(PageRange pages, uintptr_t (*map_of)(uintptr_t)) {
  const uintptr_t begin = RoundUp(map_of(pages.begin), kPageBytes);
  const uintptr_t end = RoundDown(map_of(pages.end()), kPageBytes);
  return begin >= end || sys::Madvise(begin, end - begin, MADV_DONTNEED) == 0;
}

// With the key, if there are any.
bool OpenForMonitor(PageRange pages, HardwareKey key) {
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  return (key != kUntagged
              ? sys::PkeyMprotect(pages.begin, pages.bytes, kAccess,
                                  Number(key))
              : sys::Mprotect(pages.begin, pages.bytes, kAccess)) == 0;
}

// Of the region of stacks, behind a guard page.
PageRange NextGuarded(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
  return {next_stack + kPageBytes, bytes};
}

}  // namespace

bool PrepareMetadata() {
  LockHolder hold(lock);
  const PageRange all = reservation.metadata();
  // A power of two at a multiple of itself: gates force a record's address into
  // it by a mask.
  const size_t share = std::bit_floor(all.bytes / kRecordsShare);
  const size_t alignment = all.begin & (~all.begin + 1);
  records.Set({all.begin, share < alignment ? share : alignment});
  const PageRange map = {
      records.pages.end(),
      RoundUp(reservation.bytes() / kPageBytes * sizeof(*page_map),
              kPageBytes)};
  const PageRange bitmap = {
      map.end(), RoundUp(reservation.bytes() >> kBitmapShift, kPageBytes)};
  metadata.Set({bitmap.end(), all.end() - bitmap.end()});
  next_stack = reservation.frames().begin;
  page_map = reinterpret_cast<uint32_t*>(map.begin);
  allocation_bitmap = reinterpret_cast<uint64_t*>(bitmap.begin);
  const PageRange maps = {map.begin, bitmap.end() - map.begin};
  // Nobody writes to most of it; a huge page would be resident as a whole.
  // Where the kernel has none, it refuses.
  sys::Madvise(maps.begin, maps.bytes, MADV_NOHUGEPAGE);
  return ProtectMaps(maps, PROT_READ);
}

bool OpenMapsOf(PageRange pages) {
  return OpenMapOf(pages, PageMapOf) && OpenMapOf(pages, AllocationBitmapOf);
}

bool ClearMapsOf(PageRange pages) {
  return ClearMapOf(pages, PageMapOf) && ClearMapOf(pages, AllocationBitmapOf);
}

PageRange RecordRegion() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return records.pages;
}

uint32_t* PageMap() { return page_map; }
uint64_t* AllocationBitmap() { return allocation_bitmap; }

void* AllocateMetadata(size_t bytes, size_t alignment) {
  LockHolder hold(lock);
  return reinterpret_cast<void*>(metadata.Take(bytes, alignment, metadata_key));
}

void* AllocateRecord(size_t bytes, size_t alignment) {
  LockHolder hold(lock);
  return reinterpret_cast<void*>(records.Take(bytes, alignment, metadata_key));
}

uintptr_t AllocateMonitorStack() {
  LockHolder hold(lock);
  const PageRange stack = NextGuarded(BH_MONITOR_STACK_BYTES);
  const PageRange frame = {stack.end(), BH_SIGNAL_FRAME_BYTES};
  if (frame.end() > reservation.frames().end() ||
      !OpenForMonitor(stack, frames_key) ||
      !OpenForMonitor(frame, signal_frames_key)) {
    return 0;
  }
  next_stack = frame.end();
  return stack.end();
}

uintptr_t AllocateKernelStack(size_t bytes) {
  LockHolder hold(lock);
  const PageRange stack = NextGuarded(RoundUp(bytes, kPageBytes));
  if (stack.end() > reservation.frames().end() ||
      !OpenForMonitor(stack, frames_key)) {
    return 0;
  }
  next_stack = stack.end();
  return stack.begin;
}

void LockMetadataRegion() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockMetadataRegion() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

}  // namespace bulkhead
