// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/fast_path.h"

#include <array>

#include "allocator/heap/heap.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/sealed.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

// Sizes up to this find their bin in a table.
constexpr size_t kMostTabled = 4096;
constexpr unsigned kUnlikely = 0;

// By size in units of 16 bytes, rounded up: the offset of the bin in a cache.
constexpr auto kBinOffsets = [] {
  std::array<uint16_t, kMostTabled / 16 + 1> offsets = {};
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = static_cast<uint16_t>(Index(ClassOf(i * 16)) << kTagBits);
  }
  return offsets;
}();

template <int kOffset>
uint64_t RecordWord() {
  uint64_t value;
  __asm__ volatile("mov %%gs:%c1, %0" : "=r"(value) : "i"(kOffset));
  return value;
}

template <int kOffset>
uint32_t RecordHalf() {
  uint32_t value;
  __asm__ volatile("mov %%gs:%c1, %0" : "=r"(value) : "i"(kOffset));
  return value;
}

// Whether the record behind the GS base is this thread's, and the thread runs in
// its domain.
template <bool kHasKeys>
bool IsAtHome() {
  if (ThreadControlBlock() != RecordWord<BH_RECORD_FS_BASE>()) return false;
  return !kHasKeys ||
         Bits(ReadPkru()) == RecordHalf<BH_RECORD_WHOLE_PKRU>();
}

CacheBin& BinAt(uint32_t offset) {
  return *reinterpret_cast<CacheBin*>(RecordWord<BH_RECORD_CACHE>() + offset);
}

template <bool kHasKeys>
void* AllocateFast(size_t size) {
  if (__builtin_expect(size > kMostTabled || !IsAtHome<kHasKeys>(), kUnlikely)) {
    return AllocateLong(size);
  }
  CacheBin& bin = BinAt(kBinOffsets[(size + 15) / 16]);
  const uint32_t count = bin.count;
  if (__builtin_expect(count == 0, kUnlikely)) return AllocateLong(size);
  bin.count = count - 1;
  const uintptr_t block = bin.slots[count - 1];
  LiveByteOf(block) = 1;
  return reinterpret_cast<void*>(block);
}

// The offset of the bin that takes the block, or one that no bin has: the
// pointer is of no block of the current compartment's, or of one to take the
// long way with.
template <bool kHasKeys>
uint32_t FindBin(uintptr_t block, uint64_t& granule) {
  // What is not aligned becomes far too much.
  const uintptr_t offset = block - heap_maps.begin;
  granule = offset >> kGranuleShift | offset << (64 - kGranuleShift);
  if (__builtin_expect(granule >= heap_maps.granules, kUnlikely) ||
      __builtin_expect(!IsAtHome<kHasKeys>(), kUnlikely)) {
    return kNoTag;
  }
  return heap_maps.pages[granule >> (12 - kGranuleShift)] ^
         RecordHalf<BH_RECORD_HEAP_TAG>();
}

// Whether the bin took the block.
bool Push(uint32_t bin_offset, uintptr_t block, uint64_t granule) {
  CacheBin& bin = BinAt(bin_offset);
  const uint32_t count = bin.count;
  unsigned char& live = heap_maps.live[granule];
  if (__builtin_expect(count == bin.room, kUnlikely) ||
      __builtin_expect(live != 1, kUnlikely)) {
    return false;
  }
  live = 0;
  bin.slots[count] = block;
  bin.count = count + 1;
  return true;
}

template <bool kHasKeys>
void FreeFast(void* pointer) {
  const auto block = reinterpret_cast<uintptr_t>(pointer);
  uint64_t granule;
  const uint32_t bin = FindBin<kHasKeys>(block, granule);
  if (__builtin_expect((bin & kTagMask) != 0, kUnlikely) ||
      !Push(bin, block, granule)) {
    FreeLong(pointer);
  }
}

template <bool kHasKeys>
void FreeSizedFast(void* pointer, size_t size) {
  const auto block = reinterpret_cast<uintptr_t>(pointer);
  uint64_t granule;
  const uint32_t bin = FindBin<kHasKeys>(block, granule);
  if (__builtin_expect(size > kMostTabled, kUnlikely) ||
      bin != kBinOffsets[(size + 15) / 16] || !Push(bin, block, granule)) {
    FreeSizedLong(pointer, size);
  }
}

void* AllocateStarting(size_t size) {
  EnterHeap();
  return heap_entries.allocate(size);
}

void FreeStarting(void* pointer) {
  EnterHeap();
  heap_entries.free(pointer);
}

void FreeSizedStarting(void* pointer, size_t size) {
  EnterHeap();
  heap_entries.free_sized(pointer, size);
}

}  // namespace

constinit BULKHEAD_CONSTANT_AFTER_START HeapEntries heap_entries = {
    AllocateStarting, FreeStarting, FreeSizedStarting};

const HeapEntries kEntriesWithKeys = {AllocateFast<true>, FreeFast<true>,
                                      FreeSizedFast<true>};
const HeapEntries kEntriesWithoutKeys = {
    AllocateFast<false>, FreeFast<false>, FreeSizedFast<false>};

}  // namespace bulkhead
