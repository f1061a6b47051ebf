// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Two tables that free() reads. The page map, in metadata, has an entry for
// every page of the reservation: whose block, and of which size class, starts
// there; every page of a slab has one. The live map, under each compartment's
// own key, has a byte for every 16 bytes: 1 where a block that the program has
// starts.
//
//   page map entry = size class << 9 | HeapTag(owner); 0: no block starts here

#ifndef BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_
#define BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_

#include <cstddef>
#include <cstdint>

#include "allocator/heap/size_class.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

inline constexpr unsigned kTagBits = 9;
inline constexpr uint32_t kTagMask = (1u << kTagBits) - 1;
static_assert(kNoTag == kTagMask);
static_assert(HeapTag(CompartmentId{BH_MAX_COMPARTMENTS - 1}) < kNoTag);
static_assert(kLastClass << kTagBits <= UINT16_MAX - kTagMask);

// Where the maps are. Constant after start.
struct HeapMaps {
  uintptr_t begin = 0;     // of the reservation
  uint64_t granules = 0;   // of 16 bytes, in it
  uint16_t* pages = nullptr;
  unsigned char* live = nullptr;
};
extern HeapMaps heap_maps;

constexpr uint16_t PageEntry(SizeClass size_class, CompartmentId owner) {
  return static_cast<uint16_t>(Index(size_class) << kTagBits | HeapTag(owner));
}

// REQUIRES: the address lies in the reservation.
inline uint16_t& PageEntryOf(uintptr_t address) {
  return heap_maps.pages[(address - heap_maps.begin) / kPageBytes];
}
inline unsigned char& LiveByteOf(uintptr_t address) {
  return heap_maps.live[(address - heap_maps.begin) >> kGranuleShift];
}

// Gives the block's page its entry, or all pages of its slab.
// Runs in: the monitor.
void MapBlock(uintptr_t block, uint16_t entry);

// Takes the entries away. Runs in: the monitor.
void UnmapPages(uintptr_t begin, size_t bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_
