/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What backend.h says of counts, read where jemalloc keeps them.
 */
#include "allocator/jemalloc/backend_internal.h"

_Static_assert(SC_NSIZES == BULKHEAD_CLASSES, "backend.h says how many");

void bulkhead_backend_class_stats(bulkhead_arena arena_index,
                                  unsigned size_class,
                                  bulkhead_class_stats* stats) {
  arena_stats_large_t* large =
      large_stats_of(arena_of(arena_index), size_class);

  stats->frees = locked_read_u64_unsynchronized(&large->ndalloc);
  stats->allocations = locked_read_u64_unsynchronized(&large->nmalloc);
  stats->flushes = locked_read_u64_unsynchronized(&large->nflushes);
  stats->trips = stats->allocations + stats->flushes +
                 locked_read_u64_unsynchronized(&large->nrequests);
}

static size_t free_runs(ecache_t* pages) {
  size_t runs = 0;
  pszind_t i;

  for (i = 0; i < SC_NPSIZES; i++) {
    runs += ecache_nextents_get(pages, i);
  }
  return runs;
}

void bulkhead_backend_stats(bulkhead_arena arena_index,
                            bulkhead_arena_stats* stats) {
  arena_t* arena = arena_of(arena_index);
  pac_t* pac = &arena->pa_shard.pac;
  tsdn_t* tsdn = tsdn_fetch();
  szind_t i;

  stats->active_bytes = atomic_load_zu(&arena->pa_shard.nactive, ATOMIC_RELAXED)
                        << LG_PAGE;
  stats->dirty_bytes = (ecache_npages_get(&pac->ecache_dirty) +
                        ecache_npages_get(&pac->ecache_muzzy))
                       << LG_PAGE;
  stats->free_blocks = free_runs(&pac->ecache_dirty) +
                       free_runs(&pac->ecache_muzzy) +
                       free_runs(&pac->ecache_retained);
  for (i = 0; i < SC_NBINS; i++) {
    bin_t* bin = arena_get_bin(arena, i, 0);

    malloc_mutex_lock(tsdn, &bin->lock);
    stats->free_blocks +=
        bin->stats.curslabs * bin_infos[i].nregs - bin->stats.curregs;
    malloc_mutex_unlock(tsdn, &bin->lock);
  }
  malloc_mutex_lock(tsdn, &arena->base->mtx);
  stats->metadata_bytes = arena->base->allocated + arena_internal_get(arena);
  malloc_mutex_unlock(tsdn, &arena->base->mtx);
}
