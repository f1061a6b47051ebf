// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Two tables that free() reads. The page map, in metadata, has an entry for
// every page of the reservation: whose block, and of which size class, starts
// there; every page of a slab has one. The live map, under each compartment's
// own key, has a byte for every 16 bytes: 1 where a block that the program has
// starts.
//
//   page map entry = size class << 10 | HeapTag(owner); 0: no block starts here

#ifndef BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_
#define BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_

#include <cstddef>
#include <cstdint>

#include "allocator/heap/fast_path_layout.h"
#include "allocator/heap/size_class.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

inline constexpr unsigned kTagBits = BH_TAG_BITS;
inline constexpr uint32_t kTagMask = BH_TAG_MASK;
static_assert(kTagMask == (1u << kTagBits) - 1 && kNoTag == kTagMask);
static_assert(kGranuleShift == BH_GRANULE_SHIFT);
static_assert(kPageBytes == size_t{1} << BH_PAGE_SHIFT);
static_assert(HeapTag(CompartmentId{BH_MAX_COMPARTMENTS - 1}) < kNoTag);

// Where the maps are. Constant after start.
struct HeapMaps {
  uintptr_t begin = 0;    // of the reservation
  uint64_t granules = 0;  // of 16 bytes, in it
  uint32_t* pages = nullptr;
  unsigned char* live = nullptr;
  // For malloc()'s short way. The live byte of an address is at (address >>
  // kGranuleShift) + live_bias. What is not below `tabled` bytes, 0 until the
  // start, takes the long way.
  uintptr_t live_bias = 0;
  uint64_t tabled = 0;
  uint64_t* allocated = nullptr;  // allocation_bitmap.h
};
static_assert(offsetof(HeapMaps, begin) == BH_MAPS_BEGIN);
static_assert(offsetof(HeapMaps, granules) == BH_MAPS_GRANULES);
static_assert(offsetof(HeapMaps, pages) == BH_MAPS_PAGES);
static_assert(offsetof(HeapMaps, live) == BH_MAPS_LIVE);
static_assert(offsetof(HeapMaps, live_bias) == BH_MAPS_LIVE_BIAS);
static_assert(offsetof(HeapMaps, tabled) == BH_MAPS_TABLED);

}  // namespace bulkhead

extern "C" bulkhead::HeapMaps bulkhead_heap_maps;

namespace bulkhead {

constexpr uint32_t PageEntry(SizeClass size_class, CompartmentId owner) {
  return Index(size_class) << kTagBits | HeapTag(owner);
}

// Whether the address lies in the reservation, once the heap has started.
inline bool IsMapped(const HeapMaps& maps, uintptr_t address) {
  return (address - maps.begin) >> kGranuleShift < maps.granules;
}

// REQUIRES: the address lies in the reservation.
inline uint32_t& PageEntryOf(const HeapMaps& maps, uintptr_t address) {
  return maps.pages[(address - maps.begin) / kPageBytes];
}
inline uint32_t& PageEntryOf(uintptr_t address) {
  return PageEntryOf(bulkhead_heap_maps, address);
}
inline unsigned char& LiveByteOf(uintptr_t address) {
  return bulkhead_heap_maps
      .live[(address - bulkhead_heap_maps.begin) >> kGranuleShift];
}

// Gives the block's page its entry, or all pages of its slab.
// Runs in: the monitor.
void MapBlock(uintptr_t block, uint32_t entry);

// Takes the entries away. Runs in: the monitor.
void UnmapPages(uintptr_t begin, size_t bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_PAGE_MAP_H_
