// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/arenas.h"

#include "isolation/base/sealed.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/sys/lock.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

// The first of each compartment. Guarded by the state of its row.
constinit BULKHEAD_SEALED bulkhead_arena first[BH_MAX_COMPARTMENTS] = {};

// The root's, made when a thread first asks; the first place stays empty.
// Written under the lock, read without.
constinit BULKHEAD_SEALED Lock lock;
constinit BULKHEAD_SEALED bulkhead_arena of_root[kMostArenas] = {};

bulkhead_arena Load(const bulkhead_arena& arena) {
  return __atomic_load_n(&arena, __ATOMIC_ACQUIRE);
}

// BULKHEAD_NO_ARENA: no memory.
bulkhead_arena MadeAt(uint32_t place) {
  LockHolder hold(lock);
  bulkhead_arena& arena = of_root[place];
  if (arena == BULKHEAD_NO_ARENA) {
    __atomic_store_n(&arena, bulkhead_backend_make_arena(Index(kRoot)),
                     __ATOMIC_RELEASE);
  }
  return arena;
}

}  // namespace

bool MakeArenas(CompartmentId id) {
  LockHolder hold(lock);
  first[Index(id)] = bulkhead_backend_make_arena(Index(id));
  return first[Index(id)] != BULKHEAD_NO_ARENA;
}

void DestroyArenas(CompartmentId id) {
  LockHolder hold(lock);
  bulkhead_backend_destroy_arena(first[Index(id)]);
  first[Index(id)] = BULKHEAD_NO_ARENA;
}

bulkhead_arena ArenaOf(CompartmentId id) { return first[Index(id)]; }

bulkhead_arena PagesArenaOf(CompartmentId id) {
  const uint32_t place = RecordAtGs()->number % kMostArenas;
  if (id != kRoot || place == 0) return ArenaOf(id);
  bulkhead_arena arena = Load(of_root[place]);
  if (arena == BULKHEAD_NO_ARENA) arena = MadeAt(place);
  return arena == BULKHEAD_NO_ARENA ? ArenaOf(id) : arena;
}

ArenaList ArenasOf(CompartmentId id) {
  ArenaList list;
  list.arenas[list.count++] = ArenaOf(id);
  if (id != kRoot) return list;
  for (const bulkhead_arena& further : of_root) {
    const bulkhead_arena arena = Load(further);
    if (arena != BULKHEAD_NO_ARENA) list.arenas[list.count++] = arena;
  }
  return list;
}

void LockArenas() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockArenas() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

}  // namespace bulkhead
