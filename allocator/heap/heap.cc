// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/heap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "allocator/jemalloc/backend.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/reservation.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/process.h"
#include "isolation/thread/current.h"
#include "isolation/violation/fault_handler.h"
#include "isolation/violation/report.h"

namespace bulkhead {
namespace {

// By compartment. Guarded by the state of the compartment's row.
constinit bulkhead_arena arenas[BH_MAX_COMPARTMENTS] = {};

void InitialiseState(void* state) {
  bulkhead_backend_initialise_state(state, kBackendStateBytes);
}

uintptr_t Commit(uint32_t owner, size_t bytes, size_t alignment) {
  return CommitHeap(RowOf(CompartmentId{owner}), bytes, alignment);
}

bool CreateHeap(CompartmentId id) {
  arenas[Index(id)] = bulkhead_backend_make_arena(Index(id));
  return arenas[Index(id)] != BULKHEAD_NO_ARENA;
}

void DiscardHeap(CompartmentId id) {
  bulkhead_backend_destroy_arena(arenas[Index(id)]);
  arenas[Index(id)] = BULKHEAD_NO_ARENA;
}

void* AllocateFromAnywhere(CompartmentId id, size_t size, size_t alignment) {
  void* block = Allocate(EnterHeap(), id, size, alignment, Fill::kNone);
  if (block == nullptr) errno = ENOMEM;
  return block;
}

void Statistics(CompartmentId id, bh_heap_stats& stats) {
  stats = {};
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    stats.allocations += record->allocations[Index(id)];
    stats.frees += record->frees[Index(id)];
  }
  stats.committed_bytes = CommittedBytes(RowOf(id));
}

[[noreturn]] void Report(ViolationKind kind, const void* pointer,
                         const void* caller, CompartmentId domain) {
  ViolationPlace place;
  place.address = reinterpret_cast<uintptr_t>(pointer);
  place.program_counter = reinterpret_cast<uintptr_t>(caller);
  place.after_call = true;
  place.domain = domain;
  ReportViolation(kind, place);
}

ViolationKind KindOf(bulkhead_block block) {
  switch (block) {
    case BULKHEAD_BLOCK_INTERIOR:
      return ViolationKind::kInteriorFree;
    case BULKHEAD_BLOCK_FREE:
      return ViolationKind::kDoubleFree;
    case BULKHEAD_BLOCK_NONE:
      return ViolationKind::kWildFree;
    case BULKHEAD_BLOCK_LIVE:
      break;
  }
  Die("a block in use was taken for a bad one");
}

// What is known of a block that a caller named.
struct Block {
  CompartmentId owner;
  size_t size;
};

// Finds out whether the caller may do with the block what it wants to; reports
// and ends the process if not.
Block CheckBlock(const ThreadRecord& record, const void* pointer,
                 const void* caller) {
  Block block = {kRoot, 0};
  if (!FindOwner(reinterpret_cast<uintptr_t>(pointer), block.owner)) {
    Report(ViolationKind::kWildFree, pointer, caller,
           CurrentCompartment(record));
  }
  if (!MayWrite(record, block.owner)) {
    Report(ViolationKind::kForeignFree, pointer, caller,
           CurrentCompartment(record));
  }
  const bulkhead_block state = bulkhead_backend_inspect(pointer, &block.size);
  if (state != BULKHEAD_BLOCK_LIVE) {
    Report(KindOf(state), pointer, caller, CurrentCompartment(record));
  }
  return block;
}

// A memset() that the compiler keeps although the block dies after it.
void Wipe(void* pointer, size_t size) {
  memset(pointer, 0, size);
  __asm__ volatile("" : : "r"(pointer) : "memory");
}

void Release(ThreadRecord& record, void* pointer, const Block& block) {
  if (RowOf(block.owner).traits.wipe) Wipe(pointer, block.size);
  ++record.frees[Index(block.owner)];
  bulkhead_backend_free(pointer);
}

}  // namespace

constinit bool heap_started = false;

void StartHeap() {
  initialise_backend_state = InitialiseState;
  StartProcess();
  BULKHEAD_CHECK(bulkhead_backend_start(Commit) && CreateHeap(kRoot),
                 "no memory to start the heap");
  heap_hooks.create = CreateHeap;
  heap_hooks.discard = DiscardHeap;
  heap_hooks.allocate = AllocateFromAnywhere;
  heap_hooks.statistics = Statistics;
  heap_hooks.before_fork = bulkhead_backend_before_fork;
  heap_hooks.after_fork_in_parent = bulkhead_backend_after_fork_in_parent;
  heap_hooks.after_fork_in_child = bulkhead_backend_after_fork_in_child;
  on_first_compartment = InstallFaultHandler;
  heap_started = true;
}

void* Allocate(ThreadRecord& record, CompartmentId id, size_t size,
               size_t alignment, Fill fill) {
  if (size > PTRDIFF_MAX) return nullptr;
  const bulkhead_arena arena = arenas[Index(id)];
  const bool zero = fill == Fill::kZero;
  void* block = bulkhead_backend_allocate(arena, size, alignment, zero);
  if (__builtin_expect(block == nullptr, false) &&
      size <= CommittedBytes(RowOf(id))) {
    // jemalloc cuts no small block out of a much larger run of freed pages,
    // unless they have been purged: nothing would ever come of those again.
    bulkhead_backend_purge(arena);
    block = bulkhead_backend_allocate(arena, size, alignment, zero);
  }
  if (block != nullptr) ++record.allocations[Index(id)];
  return block;
}

void Free(void* pointer, const void* caller) {
  if (pointer == nullptr) return;
  const int saved_errno = errno;
  ThreadRecord& record = EnterHeap();
  Release(record, pointer, CheckBlock(record, pointer, caller));
  errno = saved_errno;
}

void* Resize(void* pointer, size_t size, const void* caller) {
  ThreadRecord& record = EnterHeap();
  const Block block = CheckBlock(record, pointer, caller);
  if (size > PTRDIFF_MAX) return nullptr;
  const size_t wanted = bulkhead_backend_good_size(size);
  if (wanted == block.size) return pointer;
  // Shrinking in place would hand the tail back unwiped.
  const bool wipes = RowOf(block.owner).traits.wipe;
  if (!(wipes && wanted < block.size) &&
      bulkhead_backend_resize(pointer, size)) {
    return pointer;
  }
  void* moved = Allocate(record, block.owner, size, 16, Fill::kNone);
  if (moved == nullptr) return nullptr;
  memcpy(moved, pointer, size < block.size ? size : block.size);
  Release(record, pointer, block);
  return moved;
}

size_t UsableSize(const void* pointer, const void* caller) {
  return CheckBlock(EnterHeap(), pointer, caller).size;
}

void PurgeHeaps() {
  for (const CompartmentRow& row : bulkhead_compartments) {
    if (row.state == BH_STATE_LIVE) {
      bulkhead_backend_purge(arenas[Index(IdOf(row))]);
    }
  }
}

HeapUse MeasureHeap(CompartmentId id) {
  bh_heap_stats counts;
  Statistics(id, counts);
  bulkhead_arena_stats arena;
  bulkhead_backend_stats(arenas[Index(id)], &arena);
  return {counts.allocations, counts.frees, arena.allocated,
          arena.active,       arena.mapped, arena.metadata};
}

}  // namespace bulkhead
