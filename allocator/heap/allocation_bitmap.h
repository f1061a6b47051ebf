// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which blocks of the small size classes are out: with the program, or in a
// cache. A bit of metadata for every 16 bytes of the reservation, 1 where such
// a block starts. What comes back is held against it.
//
// Runs in: the monitor. REQUIRES: of each address, that it lies in the
// reservation; of each that is set or cleared, that a block of a heap starts
// there, and the lock of its depot, if the heap is in use.

#ifndef BULKHEAD_ALLOCATOR_HEAP_ALLOCATION_BITMAP_H_
#define BULKHEAD_ALLOCATOR_HEAP_ALLOCATION_BITMAP_H_

#include <cstdint>

#include "allocator/heap/page_map.h"

namespace bulkhead {

struct AllocationBit {
  uint64_t* word;
  uint64_t mask;
};

// A word's 64 bits are 1 KiB of one slab: whoever may write to one of them may
// write to the word.
// Users of many bits hand in a copy of the maps: the compiler need not fear
// that the bits are a part of it.
inline AllocationBit AllocationBitOf(const HeapMaps& maps, uintptr_t block) {
  const uintptr_t granule = (block - maps.begin) >> kGranuleShift;
  return {maps.allocated + granule / 64, uint64_t{1} << granule % 64};
}

inline bool IsOut(const HeapMaps& maps, uintptr_t block) {
  const AllocationBit bit = AllocationBitOf(maps, block);
  return block % 16 == 0 &&
         (__atomic_load_n(bit.word, __ATOMIC_ACQUIRE) & bit.mask) != 0;
}

inline void SetOut(const HeapMaps& maps, uintptr_t block) {
  const AllocationBit bit = AllocationBitOf(maps, block);
  __atomic_store_n(bit.word, *bit.word | bit.mask, __ATOMIC_RELAXED);
}

inline void SetIn(const HeapMaps& maps, uintptr_t block) {
  const AllocationBit bit = AllocationBitOf(maps, block);
  __atomic_store_n(bit.word, *bit.word & ~bit.mask, __ATOMIC_RELAXED);
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_ALLOCATION_BITMAP_H_
