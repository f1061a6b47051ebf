/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Offsets that fast_path.S and C++ share. The C++ structures assert them.
 */
#ifndef BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_LAYOUT_H_
#define BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_LAYOUT_H_

#define BH_PAGE_SHIFT 12
#define BH_GRANULE_SHIFT 4

/* Sizes up to this find their bin in a table. */
#define BH_MOST_TABLED 4096

/* A page map entry: the class above, the compartment's tag below. */
#define BH_TAG_BITS 10
#define BH_TAG_MASK 0x3ff

/* CacheBin. */
#define BH_BIN_COUNT 0
#define BH_BIN_ROOM 4
#define BH_BIN_SLOTS 8

/* CacheUpkeep. */
#define BH_CACHE_CREDIT 8

/* HeapMaps. */
#define BH_MAPS_BEGIN 0
#define BH_MAPS_GRANULES 8
#define BH_MAPS_PAGES 16
#define BH_MAPS_LIVE 24
#define BH_MAPS_LIVE_BIAS 32
#define BH_MAPS_TABLED 40

/* HeapEntries. */
#define BH_ENTRIES_ALLOCATE 0
#define BH_ENTRIES_NEW 8
#define BH_ENTRIES_FREE 16
#define BH_ENTRIES_FREE_SIZED 24

#endif /* BULKHEAD_ALLOCATOR_HEAP_FAST_PATH_LAYOUT_H_ */
