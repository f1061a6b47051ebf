// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The tables that gates read: compartments and entries.
//
// A row's state:
//
//   FREE --create--> LIVE --destroy--> CLOSING --nobody inside--> FREE
//                      ^------------------'  (someone is: LIVE again)
//
// A row that had a key keeps it, and its stacks, for the next compartment in
// it: a gate that was on its way in finds both as they were, sees that the
// compartment is gone, and turns back.
//
// A row's generation grows at each create, so that a handle of a destroyed
// compartment never reaches its successor.

#ifndef BULKHEAD_ISOLATION_DOMAIN_COMPARTMENT_TABLE_H_
#define BULKHEAD_ISOLATION_DOMAIN_COMPARTMENT_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/sys/lock.h"

namespace bulkhead {

inline constexpr size_t kMostRuns = 15;
// Inaccessible pages below each stack, so that a frame of that size does not
// step over them unprobed.
inline constexpr size_t kStackGuardBytes = size_t{64} << 10;
inline constexpr size_t kNameBytes = 32;

// Adjoining cages that a heap fills from their lower end.
struct HeapRun {
  PageRange cages = {};
  size_t committed = 0;  // bytes handed to the heap, from cages.begin on
};

// What a compartment was created with, defaults applied.
struct Traits {
  size_t stack_bytes = 0;
  bool wipe = false;
  bool lock = false;
  bool wipe_on_fork = false;
};

struct alignas(512) CompartmentRow {
  // Read by assembly; see layout.h.
  uint32_t open_mask = ~uint32_t{0};  // PKRU & open_mask opens the key
  uint32_t state = BH_STATE_FREE;
  uint32_t generation = 0;
  uint32_t first_entry = 0;
  uint32_t entry_count = 0;
  uint32_t scopes = 0;     // 1: bh_with_scope() is allowed
  uint32_t key_bits = 0;   // ~open_mask
  uint32_t read_bits = 0;  // PKRU bits that make the opened key read-only
  // From a declaration of a gate to its row in the table of entries.
  uint64_t gate_delta = 0;

  HardwareKey key = kUntagged;
  Traits traits = {};

  uint32_t threads_inside = 0;  // without keys: all visits, all threads
  char name[kNameBytes] = {};
  const bh_gate* gates =
      nullptr;  // entry i of the row was declared at gates[i]

  // Guarded by heap_lock.
  Lock heap_lock = {};
  PageRange stack_cages = {};
  size_t stacks_made = 0;
  size_t made_stack_bytes = 0;  // of each of them
  HeapRun runs[kMostRuns] = {};
};
static_assert(sizeof(CompartmentRow) == 1 << BH_ROW_SHIFT);
static_assert(offsetof(CompartmentRow, open_mask) == BH_ROW_OPEN_MASK);
static_assert(offsetof(CompartmentRow, state) == BH_ROW_STATE);
static_assert(offsetof(CompartmentRow, scopes) == BH_ROW_SCOPES);
static_assert(offsetof(CompartmentRow, key_bits) == BH_ROW_KEY_BITS);
static_assert(offsetof(CompartmentRow, read_bits) == BH_ROW_READ_BITS);
static_assert(offsetof(CompartmentRow, gate_delta) == BH_ROW_GATE_DELTA);
static_assert(offsetof(CompartmentRow, traits) +
                  offsetof(Traits, stack_bytes) ==
              BH_ROW_STACK_BYTES);

// No handle is this one.
inline constexpr uint64_t kNoHandle = ~uint64_t{0};

// All that a gate must know of where it leads.
struct EntryRow {
  uint64_t (*function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t) = nullptr;
  // The compartment's handle, as one number, while the compartment is live.
  uint64_t handle = kNoHandle;
  uint32_t open_mask = ~uint32_t{0};  // as in the compartment's row
  // Of the thread's stack in the compartment, within its record; the root has
  // none.
  uint32_t stack_offset = BH_RECORD_STACKS;
  uint32_t compartment = 0;  // 0, the root's, marks a free row
  uint32_t unused = 0;
};
static_assert(sizeof(EntryRow) == 1 << BH_ENTRY_SHIFT);
static_assert(sizeof(bh_gate) == sizeof(EntryRow));
static_assert(offsetof(EntryRow, function) == BH_ENTRY_FUNCTION);
static_assert(offsetof(EntryRow, handle) == BH_ENTRY_HANDLE);
static_assert(offsetof(EntryRow, open_mask) == BH_ENTRY_OPEN_MASK);
static_assert(offsetof(EntryRow, stack_offset) == BH_ENTRY_STACK_OFFSET);

// A handle in a register, as calls pass it.
constexpr uint64_t AsNumber(bh_compartment handle) {
  return handle.id | uint64_t{handle.generation} << 32;
}

}  // namespace bulkhead

extern "C" {
extern bulkhead::CompartmentRow bulkhead_compartments[BH_MAX_COMPARTMENTS];
extern bulkhead::EntryRow bulkhead_entries[BH_MAX_ENTRIES];
}

namespace bulkhead {

inline CompartmentRow& RowOf(CompartmentId id) {
  return bulkhead_compartments[Index(id)];
}

// By key: the row that has it, or the root's.
extern CompartmentId key_owners[16];

// The live row behind a handle, or nullptr. The root's handle gives row 0.
CompartmentRow* FindLive(bh_compartment handle);
CompartmentRow* FindByName(const char* name);
bh_compartment HandleOf(const CompartmentRow& row);
inline CompartmentId IdOf(const CompartmentRow& row) {
  return CompartmentId{static_cast<uint32_t>(&row - bulkhead_compartments)};
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_COMPARTMENT_TABLE_H_
