/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * jemalloc's internal headers, for backend.c and backend_stats.c alone: these
 * are the reason why the version is pinned exactly.
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_INTERNAL_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_INTERNAL_H_

/* They come in an order of their own. */
// clang-format off
#include "jemalloc/internal/jemalloc_preamble.h"
#include "jemalloc/internal/jemalloc_internal_includes.h"
#include "jemalloc/internal/emap.h"
#include "jemalloc/internal/extent_mmap.h"
// clang-format on

#include "allocator/jemalloc/backend.h"

static inline arena_t* arena_of(bulkhead_arena arena) {
  return (arena_t*)atomic_load_p(&arenas[arena], ATOMIC_RELAXED);
}

/* REQUIRES: a size class that is not of slabs. */
static inline arena_stats_large_t* large_stats_of(arena_t* arena,
                                                  unsigned size_class) {
  return &arena->stats.lstats[size_class - SC_NBINS];
}

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_INTERNAL_H_ */
