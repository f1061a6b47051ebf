// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The assembly of fast_path.S as C++ sees it.

#ifndef BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_
#define BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "allocator/heap/fast_path_layout.h"

namespace bulkhead {

// Where those calls go that do not take the first short way: at first to the
// start of the heap; with keys to the other short way; else to the long way.
// Constant after start.
struct HeapEntries {
  void* (*allocate)(size_t size);
  void* (*allocate_new)(size_t size);
  void (*free)(void* pointer);
  void (*free_sized)(void* pointer, size_t size);
};
static_assert(offsetof(HeapEntries, allocate) == BH_ENTRIES_ALLOCATE);
static_assert(offsetof(HeapEntries, allocate_new) == BH_ENTRIES_NEW);
static_assert(offsetof(HeapEntries, free) == BH_ENTRIES_FREE);
static_assert(offsetof(HeapEntries, free_sized) == BH_ENTRIES_FREE_SIZED);

}  // namespace bulkhead

extern "C" {

extern bulkhead::HeapEntries bulkhead_heap_entries;

// Where the ways for a process without compartments begin, and where each
// writes for the first time.
struct bulkhead_root_way {
  uintptr_t begin;
  uintptr_t first_write;
};
extern const bulkhead_root_way bulkhead_root_ways[4];

// By size: the offset of the bin in a cache.
extern const std::array<uint16_t, BH_MOST_TABLED + 1> bulkhead_bin_offsets;

void* bulkhead_malloc_in_domain(size_t size);
void* bulkhead_new_in_domain(size_t size);
void bulkhead_free_in_domain(void* pointer);
void bulkhead_free_sized_in_domain(void* pointer, size_t size);

// The long ways: whatever fast_path.S does not do. nullptr: no memory, or a
// size above PTRDIFF_MAX; errno is then ENOMEM. A bad pointer or size ends the
// process with a report, which names the caller's return address.
void* bulkhead_allocate_long(size_t size);
void bulkhead_free_long(void* pointer);
void bulkhead_free_sized_long(void* pointer, size_t size);

// operator new where the short way does not serve; allocator/entry has it.
void* bulkhead_new(size_t size);

}  // extern "C"

#endif  // BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_H_
