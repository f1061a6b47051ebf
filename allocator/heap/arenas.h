// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// jemalloc's arenas behind the heaps. Each heap has one, which serves all its
// small blocks; depots stand before that. Of a heap's blocks of whole pages
// none lies in a depot, and an arena hands them out under one lock: so the root
// has further arenas for these, and threads are spread over them. A heap's
// arenas differ in nothing else: their pages come from the same cages, and a
// block goes back to the arena that its pages say.
//
// Runs in: the monitor. Thread-safe.

#ifndef BULKHEAD_ALLOCATOR_HEAP_ARENAS_H_
#define BULKHEAD_ALLOCATOR_HEAP_ARENAS_H_

#include <cstdint>

#include "allocator/jemalloc/backend.h"
#include "isolation/base/ids.h"

namespace bulkhead {

inline constexpr uint32_t kMostArenas = 8;

// False: no memory. REQUIRES: the compartment has no arena.
[[nodiscard]] bool MakeArenas(CompartmentId id);

// Forgets every block of the heap. REQUIRES: nobody uses it.
void DestroyArenas(CompartmentId id);

// The arena that serves a heap's small blocks; BULKHEAD_NO_ARENA: the
// compartment has no heap.
bulkhead_arena ArenaOf(CompartmentId id);

// The one for this thread's blocks of whole pages. REQUIRES: there is a heap.
bulkhead_arena PagesArenaOf(CompartmentId id);

// All arenas that a heap has at some moment, and how many there are.
struct ArenaList {
  uint32_t count = 0;
  bulkhead_arena arenas[kMostArenas] = {};

  const bulkhead_arena* begin() const { return arenas; }
  const bulkhead_arena* end() const { return arenas + count; }
};
ArenaList ArenasOf(CompartmentId id);

// Held around fork(), so that the child inherits the lock free.
void LockArenas();
void UnlockArenas();

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_ARENAS_H_
