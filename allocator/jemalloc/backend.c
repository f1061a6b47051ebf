/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * In jemalloc's way, since it is written against jemalloc's internals.
 */
#include "allocator/jemalloc/backend_internal.h"
#include "allocator/jemalloc/redirect.h"
#include "isolation/base/sealed.h"

#define FLAGS(arena) (MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE)

void jemalloc_prefork(void);
void jemalloc_postfork_parent(void);
void jemalloc_postfork_child(void);

/* The hooks of one arena; jemalloc hands them back to each hook. */
typedef struct arena_hooks_s {
  extent_hooks_t hooks;
  uint32_t owner;
} arena_hooks_t;

BULKHEAD_CONSTANT_AFTER_START static bulkhead_commit commit_pages;
BULKHEAD_CONSTANT_AFTER_START static bulkhead_forget forget_pages;

/* By owner, once it has an arena: jemalloc reads the hooks as long as one
 * lives.
 */
#define MOST_OWNERS 128
static arena_hooks_t arena_hooks[MOST_OWNERS];

static void* cage_alloc(extent_hooks_t* hooks, void* new_addr, size_t size,
                        size_t alignment, bool* zero, bool* commit,
                        unsigned arena_ind) {
  uintptr_t pages;

  (void)arena_ind;
  /* Growing in place is left to merging: cages fill from one end anyway. */
  if (new_addr != NULL) {
    return NULL;
  }
  if (alignment < PAGE) {
    alignment = PAGE;
  }
  pages = commit_pages(((arena_hooks_t*)hooks)->owner, size, alignment);
  if (pages == 0) {
    return NULL;
  }
  *zero = true;
  *commit = true;
  return (void*)pages;
}

/* Pages never leave a cage one by one: true refuses, and jemalloc retains. */
static bool cage_dalloc(extent_hooks_t* hooks, void* addr, size_t size,
                        bool committed, unsigned arena_ind) {
  (void)hooks;
  (void)addr;
  (void)size;
  (void)committed;
  (void)arena_ind;
  return true;
}

/* The arena goes as a whole, and its cages after it. */
static void cage_destroy(extent_hooks_t* hooks, void* addr, size_t size,
                         bool committed, unsigned arena_ind) {
  (void)hooks;
  (void)addr;
  (void)size;
  (void)committed;
  (void)arena_ind;
}

/* Works on pages that are closed to this thread, too; and zeroes them. */
static bool cage_purge(extent_hooks_t* hooks, void* addr, size_t size,
                       size_t offset, size_t length, unsigned arena_ind) {
  (void)hooks;
  (void)size;
  (void)arena_ind;
  return bulkhead_je_purge((char*)addr + offset, length) != 0;
}

static bool cage_split(extent_hooks_t* hooks, void* addr, size_t size,
                       size_t size_a, size_t size_b, bool committed,
                       unsigned arena_ind) {
  (void)hooks;
  (void)addr;
  (void)size;
  (void)size_a;
  (void)size_b;
  (void)committed;
  (void)arena_ind;
  return false;
}

/* An arena's pages are all of one compartment, whatever the cage. */
static bool cage_merge(extent_hooks_t* hooks, void* addr_a, size_t size_a,
                       void* addr_b, size_t size_b, bool committed,
                       unsigned arena_ind) {
  (void)hooks;
  (void)addr_a;
  (void)size_a;
  (void)addr_b;
  (void)size_b;
  (void)committed;
  (void)arena_ind;
  return false;
}

void bulkhead_backend_initialise_state(void* state, size_t bytes) {
  if (bytes < sizeof(tsd_t)) {
    malloc_write("<bulkhead>: a thread record is too small\n");
    abort();
  }
  memcpy(state, &tsd_tls, sizeof(tsd_t));
}

bool bulkhead_backend_start(bulkhead_commit commit, bulkhead_forget forget) {
  void* probe;

  commit_pages = commit;
  forget_pages = forget;
  bulkhead_je_look_up_time();
  /* malloc_init() is static; any allocation runs it. */
  probe = je_mallocx(1, MALLOCX_TCACHE_NONE);
  if (probe == NULL) {
    return false;
  }
  je_dallocx(probe, MALLOCX_TCACHE_NONE);
  return true;
}

/* Indices of arenas that were destroyed, for those to come. Not through
 * jemalloc's control interface, which touches 28 pages for statistics of its
 * own as it is first used. */
#define MOST_ARENAS 256
static unsigned free_arenas[MOST_ARENAS];
static unsigned free_arena_count = 0;

bulkhead_arena bulkhead_backend_make_arena(uint32_t owner) {
  static const extent_hooks_t hooks = {cage_alloc, cage_dalloc, cage_destroy,
                                       NULL,       NULL,        NULL,
                                       cage_purge, cage_split,  cage_merge};
  arena_hooks_t* own = &arena_hooks[owner];
  const bool is_new = free_arena_count == 0;
  arena_config_t config;
  unsigned arena;

  assert(owner < MOST_OWNERS);
  if (own->hooks.alloc == NULL) {
    own->hooks = hooks;
    own->owner = owner;
  }
  config.extent_hooks = &own->hooks;
  config.metadata_use_hooks = false;
  arena = is_new ? narenas_total_get() : free_arenas[free_arena_count - 1];
  if (arena_init(tsdn_fetch(), arena, &config) == NULL) {
    return BULKHEAD_NO_ARENA;
  }
  if (!is_new) {
    free_arena_count--;
  }
  return arena;
}

void bulkhead_backend_destroy_arena(bulkhead_arena index) {
  tsd_t* tsd = tsd_fetch();
  arena_t* arena = arena_of(index);

  arena_reset(tsd, arena);
  arena_decay(tsd_tsdn(tsd), arena, false, true);
  arena_destroy(tsd, arena);
  if (free_arena_count == MOST_ARENAS) {
    malloc_write("<bulkhead>: more arenas than there can be were destroyed\n");
    abort();
  }
  free_arenas[free_arena_count++] = index;
}

void bulkhead_backend_look_up_time(void) { bulkhead_je_look_up_time(); }

void bulkhead_backend_tick(bulkhead_arena arena) {
  bulkhead_je_look_up_time();
  arena_decay(tsdn_fetch(), arena_of(arena), false, false);
}

void bulkhead_backend_purge(bulkhead_arena arena) {
  arena_decay(tsdn_fetch(), arena_of(arena), false, true);
}

size_t bulkhead_backend_fill(bulkhead_arena arena, unsigned size_class,
                             uintptr_t* blocks, size_t count) {
  tsdn_t* tsdn = tsdn_fetch();
  cache_bin_info_t info;
  cache_bin_t bin;
  size_t offset = 0;
  size_t filled;

  memset(&bin, 0, sizeof(bin));
  info.ncached_max = (cache_bin_sz_t)count;
  cache_bin_init(&bin, &info, blocks, &offset);
  arena_cache_bin_fill_small(tsdn, arena_of(arena), &bin, &info, size_class,
                             (unsigned)count);
  filled = (size_t)((uintptr_t*)blocks + count - (uintptr_t*)bin.stack_head);
  if (filled < count) {
    memmove(blocks, bin.stack_head, filled * sizeof(*blocks));
  }
  return filled;
}

/* The extent around `pointer`, or NULL; `last` is one that was found before, or
 * NULL. */
static edata_t* find_slab(tsdn_t* tsdn, edata_t* last, uintptr_t pointer) {
  emap_full_alloc_ctx_t context;

  if (last != NULL &&
      pointer - (uintptr_t)edata_addr_get(last) < edata_size_get(last)) {
    return last;
  }
  return emap_full_alloc_ctx_try_lookup(tsdn, &arena_emap_global,
                                        (const void*)pointer, &context)
             ? NULL
             : context.edata;
}

/* Whether this is a slab of the class and the arena now. REQUIRES: the lock of
 * the class's bin. */
static bool is_slab_of(const edata_t* edata, szind_t size_class,
                       unsigned arena) {
  return edata_state_get(edata) == extent_state_active &&
         edata_slab_get(edata) && edata_szind_get(edata) == size_class &&
         edata_arena_ind_get(edata) == arena;
}

/* Marks the first blocks of `blocks` that lie in the slab as free. Returns how
 * many there were. REQUIRES: the lock of the class's bin; they are in use. */
static size_t mark_free(edata_t* slab, const bin_info_t* bin,
                        div_info_t* divide, const uintptr_t* blocks,
                        edata_t* const* slabs, size_t count) {
  bitmap_t* bitmap = edata_slab_data_get(slab)->bitmap;
  const uintptr_t begin = (uintptr_t)edata_addr_get(slab);
  size_t i;

  for (i = 0; i < count && slabs[i] == slab; i++) {
    const size_t index = div_compute(divide, blocks[i] - begin);

    assert(index * bin->reg_size == blocks[i] - begin);
    bitmap_unset(bitmap, &bin->bitmap_info, index);
  }
  return i;
}

/* Notes that `freed` blocks of a slab have become free, as
 * arena_dalloc_bin_locked_step() does for one. Whether no other is in use. */
static bool count_freed(tsdn_t* tsdn, arena_t* arena, bin_t* bin, edata_t* slab,
                        const bin_info_t* info, size_t freed) {
  const unsigned before = edata_nfree_get(slab);

  edata_nfree_sub(slab, 0 - (uint64_t)freed);
  /* A slab of one block is never among those that are partly in use. */
  if (before == 0 && slab != bin->slabcur && info->nregs > 1) {
    arena_dalloc_bin_locked_handle_newly_nonempty(tsdn, arena, slab, bin);
  }
  if (before + freed < info->nregs) {
    return false;
  }
  arena_dalloc_bin_locked_handle_newly_empty(tsdn, arena, slab, bin);
  return true;
}

size_t bulkhead_backend_flush(bulkhead_arena arena_index, unsigned size_class,
                              const uintptr_t* blocks, size_t count) {
  tsdn_t* tsdn = tsdn_fetch();
  arena_t* arena = arena_of(arena_index);
  const bin_info_t* bin_info = &bin_infos[size_class];
  edata_t* slabs[BULKHEAD_MOST_FLUSHED];
  edata_t* empty[BULKHEAD_MOST_FLUSHED];
  edata_t* last = NULL;
  size_t empties = 0;
  size_t i;
  arena_dalloc_bin_locked_info_t info;
  /* Arenas of this many classes' bins have one shard each. */
  bin_t* bin = arena_get_bin(arena, size_class, 0);

  assert(count <= BULKHEAD_MOST_FLUSHED);
  for (i = 0; i < count; i++) {
    slabs[i] = last = find_slab(tsdn, last, blocks[i]);
  }
  malloc_mutex_lock(tsdn, &bin->lock);
  arena_dalloc_bin_locked_begin(&info, size_class);
  for (i = 0; i < count;) {
    edata_t* slab = slabs[i];
    size_t freed;

    if (slab == NULL || !is_slab_of(slab, size_class, arena_index)) {
      break;
    }
    freed = mark_free(slab, bin_info, &info.div_info, blocks + i, slabs + i,
                      count - i);
    info.ndalloc += freed;
    i += freed;
    if (count_freed(tsdn, arena, bin, slab, bin_info, freed)) {
      empty[empties++] = slab;
    }
  }
  arena_dalloc_bin_locked_finish(tsdn, arena, bin, &info);
  malloc_mutex_unlock(tsdn, &bin->lock);
  arena_decay_ticks(tsdn, arena, (unsigned)count);
  while (empties > 0) {
    edata_t* slab = empty[--empties];

    forget_pages((uintptr_t)edata_base_get(slab), edata_size_get(slab));
    arena_slab_dalloc(tsdn, arena, slab);
  }
  return i;
}

void bulkhead_backend_count_trip(bulkhead_arena arena, unsigned size_class,
                                 bulkhead_trip trip) {
  if (config_stats) {
    arena_stats_large_t* large = large_stats_of(arena_of(arena), size_class);

    locked_inc_u64(
        tsdn_fetch(), NULL,
        trip == BULKHEAD_TRIP_SINGLE ? &large->nrequests : &large->nflushes, 1);
  }
}

uintptr_t bulkhead_backend_allocate(bulkhead_arena arena, size_t size,
                                    size_t alignment, bool* zeroed) {
  int flags = FLAGS(arena);
  void* block;

  /* jemalloc's class of 8 bytes is below what malloc must align to. */
  if (size < 16) {
    size = 16;
  }
  if (alignment > 16) {
    flags |= MALLOCX_ALIGN(alignment);
  }
  block = je_mallocx(size, flags);
  *zeroed = false;
  if (block != NULL) {
    const edata_t* edata =
        emap_edata_lookup(tsdn_fetch(), &arena_emap_global, block);

    *zeroed = !edata_slab_get(edata) && edata_zeroed_get(edata);
  }
  return (uintptr_t)block;
}

bulkhead_pages bulkhead_backend_pages_of(uintptr_t block) {
  const edata_t* edata =
      emap_edata_lookup(tsdn_fetch(), &arena_emap_global, (const void*)block);
  bulkhead_pages pages;

  pages.begin = (uintptr_t)edata_base_get(edata);
  pages.bytes = edata_size_get(edata);
  pages.size_class = edata_szind_get(edata);
  return pages;
}

static bulkhead_found found_large(const edata_t* edata, const void* pointer) {
  const bulkhead_found found = {
      edata_addr_get(edata) == pointer ? BULKHEAD_BLOCK_LIVE
                                       : BULKHEAD_BLOCK_INTERIOR,
      (uintptr_t)edata_addr_get(edata), edata_usize_get(edata)};

  return found;
}

/* Only the first and the last page of a large block lead to it: looks for the
 * first one below. Slow, and so for pointers that end the process only. */
#define MOST_PAGES_SEARCHED ((size_t)1 << 22)
static bulkhead_found find_in_large_block(tsdn_t* tsdn, const void* pointer) {
  const bulkhead_found nothing = {BULKHEAD_BLOCK_NONE, 0, 0};
  uintptr_t page = (uintptr_t)PAGE_ADDR2BASE(pointer);
  size_t searched;

  for (searched = 0; searched < MOST_PAGES_SEARCHED && page != 0;
       searched++, page -= PAGE) {
    emap_full_alloc_ctx_t context;

    if (emap_full_alloc_ctx_try_lookup(tsdn, &arena_emap_global,
                                       (const void*)page, &context) ||
        context.edata == NULL) {
      continue;
    }
    if (edata_state_get(context.edata) == extent_state_active &&
        !context.slab &&
        (uintptr_t)pointer < (uintptr_t)edata_past_get(context.edata)) {
      return found_large(context.edata, pointer);
    }
    break;
  }
  return nothing;
}

bulkhead_found bulkhead_backend_find(uintptr_t address) {
  const void* pointer = (const void*)address;
  tsdn_t* tsdn = tsdn_fetch();
  emap_full_alloc_ctx_t context;
  bulkhead_found found = {BULKHEAD_BLOCK_NONE, 0, 0};
  edata_t* edata;
  size_t offset, index;
  const bin_info_t* bin;

  if (emap_full_alloc_ctx_try_lookup(tsdn, &arena_emap_global, pointer,
                                     &context) ||
      context.edata == NULL) {
    return find_in_large_block(tsdn, pointer);
  }
  edata = context.edata;
  if (edata_state_get(edata) != extent_state_active ||
      context.szind >= SC_NSIZES) {
    return found;
  }
  if (!context.slab) {
    return found_large(edata, pointer);
  }
  bin = &bin_infos[context.szind];
  offset = address - (uintptr_t)edata_addr_get(edata);
  index = offset / bin->reg_size;
  if (index >= bin->nregs) {
    return found;
  }
  found.begin = address - offset % bin->reg_size;
  found.size = bin->reg_size;
  if (!bitmap_get(edata_slab_data_get(edata)->bitmap, &bin->bitmap_info,
                  index)) {
    found.state = BULKHEAD_BLOCK_FREE;
  } else {
    found.state =
        found.begin == address ? BULKHEAD_BLOCK_LIVE : BULKHEAD_BLOCK_INTERIOR;
  }
  return found;
}

void bulkhead_backend_free(uintptr_t pointer) {
  je_dallocx((void*)pointer, MALLOCX_TCACHE_NONE);
}

bool bulkhead_backend_resize(uintptr_t pointer, size_t size) {
  return je_xallocx((void*)pointer, size, 0, MALLOCX_TCACHE_NONE) >= size;
}

size_t bulkhead_backend_good_size(size_t size) {
  return je_nallocx(size < 16 ? 16 : size, MALLOCX_TCACHE_NONE);
}

void bulkhead_backend_before_fork(void) { jemalloc_prefork(); }

void bulkhead_backend_after_fork_in_parent(void) { jemalloc_postfork_parent(); }

void bulkhead_backend_after_fork_in_child(void) { jemalloc_postfork_child(); }
