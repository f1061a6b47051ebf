/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * jemalloc as Bulkhead uses it: arenas whose pages come from a compartment's
 * cages and whose metadata lies elsewhere. Nothing else of it is reachable.
 *
 * Every function runs on a thread that has a record (its state is there).
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Size classes, by jemalloc's numbers. */
#define BULKHEAD_CLASSES 232

/* Arena 0 serves jemalloc's own metadata and no application. */
typedef uint32_t bulkhead_arena;
#define BULKHEAD_NO_ARENA 0u

/* Where an arena's pages come from: an address, or 0 for no memory. `owner` is
 * what the arena was made with. */
typedef uintptr_t (*bulkhead_commit)(uint32_t owner, size_t bytes,
                                     size_t alignment);

/* Told of pages that a block or a slab is about to leave. */
typedef void (*bulkhead_forget)(uintptr_t begin, size_t bytes);

/* Copies a thread's initial state to `state`, which holds `bytes`. */
void bulkhead_backend_initialise_state(void* state, size_t bytes);

/* Starts jemalloc. False: no memory. Once, before any other thread. */
bool bulkhead_backend_start(bulkhead_commit commit, bulkhead_forget forget);

/* BULKHEAD_NO_ARENA: no memory. REQUIRES: arenas are made and destroyed one at
 * a time. */
bulkhead_arena bulkhead_backend_make_arena(uint32_t owner);

/* Forgets every block of the arena and the arena itself. Nobody uses it. */
void bulkhead_backend_destroy_arena(bulkhead_arena arena);

/* What an address is to jemalloc. */
typedef enum bulkhead_block {
  BULKHEAD_BLOCK_LIVE,     /* the start of a block in use */
  BULKHEAD_BLOCK_INTERIOR, /* inside a block in use */
  BULKHEAD_BLOCK_FREE,     /* in a slab, but of no block in use */
  BULKHEAD_BLOCK_NONE      /* in no block's pages */
} bulkhead_block;

/* Takes up to `count` blocks of a small size class out of slabs, to `blocks`.
 * Returns how many there were; fewer: no memory.
 * REQUIRES: count <= BULKHEAD_MOST_FLUSHED. */
size_t bulkhead_backend_fill(bulkhead_arena arena, unsigned size_class,
                             uintptr_t* blocks, size_t count);

/* Puts blocks of a small size class back, up to the first that lies in no slab
 * of this class and arena: its place is returned.
 * REQUIRES: count <= BULKHEAD_MOST_FLUSHED; in such a slab, it is the start of
 * a block in use. */
#define BULKHEAD_MOST_FLUSHED 64
size_t bulkhead_backend_flush(bulkhead_arena arena, unsigned size_class,
                              const uintptr_t* blocks, size_t count);

/* How blocks of whole pages come back to an arena in one call of the monitor.
 */
typedef enum bulkhead_trip {
  BULKHEAD_TRIP_FLUSH, /* out of a cache */
  BULKHEAD_TRIP_SINGLE /* a block by itself */
} bulkhead_trip;

/* Counts a trip of such blocks, which bulkhead_backend_free() frees. */
void bulkhead_backend_count_trip(bulkhead_arena arena, unsigned size_class,
                                 bulkhead_trip trip);

/* 0: no memory. `zeroed`: whether the block is known to be zero; nothing is
 * written to it. REQUIRES: alignment is a power of two. */
uintptr_t bulkhead_backend_allocate(bulkhead_arena arena, size_t size,
                                    size_t alignment, bool* zeroed);

/* The pages of a large block, or of the slab that a small one lies in.
 * REQUIRES: a block in use. */
typedef struct bulkhead_pages {
  uintptr_t begin;
  size_t bytes;
  unsigned size_class;
} bulkhead_pages;
bulkhead_pages bulkhead_backend_pages_of(uintptr_t block);

/* Classifies an address, and finds the block, in use or free, whose bytes lie
 * there; 0 and 0 if none do. Never touches the memory. */
typedef struct bulkhead_found {
  bulkhead_block state;
  uintptr_t begin;
  size_t size;
} bulkhead_found;
bulkhead_found bulkhead_backend_find(uintptr_t address);

/* Frees a block of whole pages. REQUIRES: it is in use, its page map entry is
 * gone, and nobody else frees it. */
void bulkhead_backend_free(uintptr_t block);

/* Grows or shrinks a block where it is, to at least `size` bytes. Returns
 * whether it did. */
bool bulkhead_backend_resize(uintptr_t block, size_t size);

/* Until the next of these two, no time passes for jemalloc. */
void bulkhead_backend_look_up_time(void);

/* Returns pages to the kernel that have been unused for the decay time. */
void bulkhead_backend_tick(bulkhead_arena arena);

/* Returns all unused dirty pages of the arena to the kernel. */
void bulkhead_backend_purge(bulkhead_arena arena);

/* The smallest usable size that serves `size`; 0: none does. */
size_t bulkhead_backend_good_size(size_t size);

/* What moved of one size class of whole pages since the arena was made, exact
 * at some moment during the call. A trip is a call that moved blocks. */
typedef struct bulkhead_class_stats {
  uint64_t allocations; /* blocks that left */
  uint64_t frees;       /* blocks that came back */
  uint64_t flushes;     /* BULKHEAD_TRIP_FLUSH */
  uint64_t trips;       /* all */
} bulkhead_class_stats;
/* REQUIRES: no small size class, and below BULKHEAD_CLASSES. */
void bulkhead_backend_class_stats(bulkhead_arena arena, unsigned size_class,
                                  bulkhead_class_stats* stats);

/* The rest of what an arena holds, each number as of some moment. */
typedef struct bulkhead_arena_stats {
  size_t active_bytes;   /* of pages that belong to blocks and slabs */
  size_t dirty_bytes;    /* of pages that were freed and not yet purged */
  size_t metadata_bytes; /* of jemalloc's own for this arena */
  size_t free_blocks;    /* in slabs, and runs of free pages */
} bulkhead_arena_stats;
void bulkhead_backend_stats(bulkhead_arena arena, bulkhead_arena_stats* stats);

void bulkhead_backend_before_fork(void);
void bulkhead_backend_after_fork_in_parent(void);
void bulkhead_backend_after_fork_in_child(void);

#ifdef __cplusplus
}
#endif

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_BACKEND_H_ */
