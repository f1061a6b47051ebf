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

inline constexpr size_t kMostRuns = 12;
// Inaccessible pages below each stack, so that a frame of that size does not
// step over them unprobed.
inline constexpr size_t kStackGuardBytes = size_t{64} << 10;
inline constexpr size_t kNameBytes = 32;

// Adjoining cages that a heap fills from their lower end.
struct HeapRun {
  PageRange cages = {};
  size_t committed = 0;  // bytes handed to the heap, from cages.begin on
};

// What a compartment's domain is made of (docs/design.md).
enum class Kind : uint8_t {
  kVault,           // its caller's rights and its own heap
  kSandbox,         // its own heap, the shared one, key 0 to read
  kRelaxedSandbox,  // as that, key 0 to write as well
  kShared           // nobody's: the heap that sandboxes share with the root
};

constexpr bool IsSandbox(Kind kind) {
  return kind == Kind::kSandbox || kind == Kind::kRelaxedSandbox;
}

// What a compartment may have at most; 0: as much as there is.
struct Quotas {
  uint64_t bytes = 0;  // of its heap's pages
  uint64_t threads = 0;
};

// What is granted on a compartment's heap. Bit i: to compartment i's domain.
struct Grants {
  uint64_t read = 0;
  uint64_t read_write = 0;
  bh_access everyone = BH_ACCESS_NONE;

  bool any() const {
    return (read | read_write) != 0 || everyone != BH_ACCESS_NONE;
  }
};

// What a compartment was created with, defaults applied.
struct Traits {
  size_t stack_bytes = 0;
  Quotas quotas = {};
  Kind kind = Kind::kVault;
  bool wipe = false;
  bool lock = false;
  bool wipe_on_fork = false;
  bool grants = false;  // the heap has a key of its own
};

struct alignas(512) CompartmentRow {
  // Read by assembly; see layout.h.
  uint32_t open_mask = ~uint32_t{0};  // PKRU & open_mask opens the key
  uint32_t state = BH_STATE_FREE;
  uint32_t generation = 0;
  uint32_t first_entry = 0;
  uint32_t entry_count = 0;
  uint32_t scopes = 0;  // 1: bh_with_scope() is allowed
  // ~open_mask; 0 where the gate that only opens a key does not lead.
  uint32_t key_bits = 0;
  uint32_t read_bits = 0;  // PKRU bits that make the opened key read-only
  // From a declaration of a gate to its row in the table of entries.
  uint64_t gate_delta = 0;

  HardwareKey key = kUntagged;       // of stacks
  HardwareKey heap_key = kUntagged;  // the same where nothing can be granted
  Traits traits = {};

  uint32_t threads_inside = 0;  // without keys: all visits, all threads
  char name[kNameBytes] = {};
  const bh_gate* gates =
      nullptr;  // entry i of the row was declared at gates[i]

  // Guarded by the lock of compartments; read without it.
  Grants grants = {};
  Pkru granted{~uint32_t{0}};  // PKRU & granted opens what others granted it

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
static_assert(offsetof(CompartmentRow, key_bits) == BH_ROW_KEY_BITS);
static_assert(offsetof(CompartmentRow, read_bits) == BH_ROW_READ_BITS);
static_assert(offsetof(CompartmentRow, gate_delta) == BH_ROW_GATE_DELTA);

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
constexpr bh_compartment AsHandle(uint64_t number) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
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

// That of the compartment which was created last; 0: there was none.
extern uint32_t last_generation;

// Whether the process has, or had, a compartment beside the root. Signal-safe.
inline bool HasHadCompartments() {
  return __atomic_load_n(&last_generation, __ATOMIC_RELAXED) != 0;
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_COMPARTMENT_TABLE_H_
