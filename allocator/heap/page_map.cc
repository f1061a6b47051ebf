// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/page_map.h"

#include "allocator/jemalloc/backend.h"
#include "isolation/base/sealed.h"

constinit BULKHEAD_CONSTANT_AFTER_START bulkhead::HeapMaps bulkhead_heap_maps;

namespace bulkhead {

void MapBlock(uintptr_t block, uint32_t entry) {
  if (entry >> kTagBits >= kSmallClasses) {
    PageEntryOf(block) = entry;
    return;
  }
  const bulkhead_pages slab = bulkhead_backend_pages_of(block);
  for (size_t at = 0; at < slab.bytes; at += kPageBytes) {
    PageEntryOf(slab.begin + at) = entry;
  }
}

void UnmapPages(uintptr_t begin, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kPageBytes) PageEntryOf(begin + at) = 0;
}

}  // namespace bulkhead
