// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/find_block.h"

#include "allocator/heap/allocation_bitmap.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/size_class.h"

namespace bulkhead {

bulkhead_found FindBlock(uintptr_t address) {
  bulkhead_found found = bulkhead_backend_find(address);
  const bool in_use = found.state == BULKHEAD_BLOCK_LIVE ||
                      found.state == BULKHEAD_BLOCK_INTERIOR;
  if (in_use && IsSmall(ClassOf(found.size)) &&
      !IsOut(bulkhead_heap_maps, found.begin)) {
    found.state = BULKHEAD_BLOCK_FREE;
  }
  return found;
}

}  // namespace bulkhead
