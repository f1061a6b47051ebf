// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/compartments.h"

#include "isolation/arch/gate.h"
#include "isolation/base/options.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/monitor/domain_frame.h"
#include "isolation/monitor/process.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/signal_stack.h"

namespace bulkhead {
namespace {

constexpr size_t kLeastStack = size_t{64} << 10;
constexpr size_t kMostStack = size_t{64} << 20;

constinit Lock lock;
constinit bool first_made ABSL_GUARDED_BY(lock) = false;
constinit uint32_t last_generation ABSL_GUARDED_BY(lock) = 0;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

bool IsValidName(const char* name) {
  if (name == nullptr) return false;
  size_t size = 0;
  while (name[size] != '\0') {
    if (size + 1 >= kNameBytes || !IsNameCharacter(name[size])) return false;
    ++size;
  }
  return size > 0;
}

bool SameName(const char* a, const char* b) {
  while (*a == *b && *a != '\0') {
    ++a;
    ++b;
  }
  return *a == *b;
}

bool IsSwitch(bh_switch value) {
  return value == BH_DEFAULT || value == BH_ON || value == BH_OFF;
}

bool Resolve(bh_switch value, uint64_t by_default) {
  return value == BH_DEFAULT ? by_default != 0 : value == BH_ON;
}

bh_status ResolveTraits(const bh_options& wanted, Traits& traits) {
  const Options& options = GetOptions();
  if (wanted.kind != BH_KIND_VAULT || !IsSwitch(wanted.wipe) ||
      !IsSwitch(wanted.lock) || !IsSwitch(wanted.wipe_on_fork) ||
      !IsSwitch(wanted.scopes)) {
    return BH_ERR_OPTIONS;
  }
  size_t stack = wanted.stack_bytes;
  if (stack == 0) stack = options.stack_kib << 10;
  if (stack < kLeastStack || stack > kMostStack) return BH_ERR_OPTIONS;
  traits.stack_bytes = RoundUp(stack, kPageBytes);
  traits.wipe = Resolve(wanted.wipe, options.wipe);
  traits.lock = Resolve(wanted.lock, options.lock);
  traits.wipe_on_fork = Resolve(wanted.wipe_on_fork, options.wipe_on_fork);
  return BH_OK;
}

// A free row, by preference one that has a key and stacks of the right size.
CompartmentRow* FindFreeRow(const Traits& traits) {
  CompartmentRow* best = nullptr;
  const auto value = [&traits](const CompartmentRow& row) {
    return (row.key != kUntagged ? 2 : 0) +
           (row.made_stack_bytes == traits.stack_bytes ? 1 : 0);
  };
  for (CompartmentRow& row : bulkhead_compartments) {
    if (row.state != BH_STATE_FREE) continue;
    if (best == nullptr || value(row) > value(*best)) best = &row;
  }
  return best;
}

void ForgetStacks(CompartmentId id) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    record->stacks[Index(id)] = 0;
    record->stack_ends[Index(id)] = 0;
  }
}

// Adjoining free rows of the entry table, or BH_MAX_ENTRIES.
uint32_t FindFreeEntries(uint32_t count) {
  uint32_t run = 0;
  for (uint32_t i = 0; i < BH_MAX_ENTRIES; ++i) {
    run = bulkhead_entries[i].compartment == 0 ? run + 1 : 0;
    if (run >= count) return i + 1 - run;
  }
  return BH_MAX_ENTRIES;
}

// Copies the declarations for `row` into the entry table, each at its own place
// in the declaring section, so that a gate finds its index by subtraction.
bh_status FillEntries(CompartmentRow& row, const bh_gate* gates,
                      const bh_gate* gates_end) {
  const auto count = static_cast<uint32_t>(gates_end - gates);
  if (gates_end < gates || gates_end - gates > BH_MAX_ENTRIES) {
    return BH_ERR_TOO_MANY_ENTRIES;
  }
  row.first_entry = count == 0 ? 0 : FindFreeEntries(count);
  if (row.first_entry == BH_MAX_ENTRIES) return BH_ERR_TOO_MANY_ENTRIES;
  row.gates = gates;
  row.entry_count = count;
  for (uint32_t i = 0; i < count; ++i) {
    if (!SameName(gates[i].compartment, row.name)) continue;
    bulkhead_entries[row.first_entry + i] = {gates[i].function,
                                             Index(IdOf(row)), 0};
  }
  return BH_OK;
}

void ClearEntries(CompartmentRow& row) {
  for (EntryRow& entry : bulkhead_entries) {
    if (entry.compartment == Index(IdOf(row))) entry = {};
  }
  row.entry_count = 0;
  row.gates = nullptr;
}

// Undoes a creation, or ends a compartment that nobody is in. Dies when the
// kernel refuses to take the pages back: the next compartment in this row would
// read them.
void TearDown(CompartmentRow& row) {
  ClearEntries(row);
  BULKHEAD_CHECK(ReleaseMemory(row),
                 "the kernel refused to unmap a compartment's pages");
  row.name[0] = '\0';
  __atomic_store_n(&row.state, BH_STATE_FREE, __ATOMIC_RELEASE);
}

// The key, entries and heap of a row that has its name and traits.
bh_status Furnish(CompartmentRow& row, const bh_gate* gates,
                  const bh_gate* gates_end) {
  if (enforcement == Enforcement::kPku && row.key == kUntagged) {
    const HardwareKey key = Keys().TryAcquire();
    if (key == kNoKey) return BH_ERR_NO_KEY;
    row.key = key;
    row.open_mask = Bits(~BothBits(key));
  }
  if (!AdoptStacks(row, ForgetStacks)) return BH_ERR_LOCK;
  const bh_status entries = FillEntries(row, gates, gates_end);
  if (entries != BH_OK) return entries;
  if (!heap_hooks.create(IdOf(row))) return BH_ERR_NO_MEMORY;
  return BH_OK;
}

// One block and one stack's worth of pages, to learn now whether they can be
// locked, and to fail at creation rather than in the middle of a call.
bh_status ProbeLock(CompartmentRow& row) {
  if (!row.traits.lock) return BH_OK;
  void* block = heap_hooks.allocate(IdOf(row), 1, 1);
  return block != nullptr && CommitStack(row) != 0 ? BH_OK : BH_ERR_LOCK;
}

// REQUIRES: the row is CLOSING, and every thread was fenced since.
bool SomeoneInside(CompartmentRow& row) {
  if (__atomic_load_n(&row.scopes_inside, __ATOMIC_SEQ_CST) != 0) return true;
  if (enforcement != Enforcement::kPku) {
    LockHolder hold(row.heap_lock);
    return row.threads_inside != 0;
  }
  const uint32_t index = Index(IdOf(row));
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    if (record->stack_ends[index] == 0) continue;
    const bh_result inside = bulkhead_is_inside_pku(index, record);
    if (inside.status != 0 || inside.value != 0) return true;
  }
  return false;
}

}  // namespace

constinit FirstCompartmentHook on_first_compartment = nullptr;

bh_status CreateCompartment(const char* name, const bh_options& options,
                            const bh_gate* gates, const bh_gate* gates_end,
                            bh_compartment& created) {
  if (heap_hooks.create == nullptr) return BH_ERR_NO_ALLOCATOR;
  if (!IsValidName(name)) return BH_ERR_NAME;
  Traits traits;
  const bh_status resolved = ResolveTraits(options, traits);
  if (resolved != BH_OK) return resolved;
  LockHolder hold(lock);
  if (FindByName(name) != nullptr) return BH_ERR_NAME_TAKEN;
  CompartmentRow* row = FindFreeRow(traits);
  if (row == nullptr) return BH_ERR_TOO_MANY;
  if (!first_made) {
    if (sys::Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {
      return BH_ERR_KERNEL;
    }
    if (on_first_compartment != nullptr) on_first_compartment();
    first_made = true;
  }
  for (size_t i = 0; i < kNameBytes; ++i) {
    row->name[i] = name[i];
    if (name[i] == '\0') break;
  }
  row->traits = traits;
  row->scopes = options.scopes == BH_ON ? 1 : 0;
  row->generation = ++last_generation;
  bh_status status = Furnish(*row, gates, gates_end);
  if (status == BH_OK) {
    status = ProbeLock(*row);
    if (status != BH_OK) heap_hooks.discard(IdOf(*row));
  }
  if (status != BH_OK) {
    TearDown(*row);
    return status;
  }
  __atomic_store_n(&row->state, BH_STATE_LIVE, __ATOMIC_RELEASE);
  created = HandleOf(*row);
  return BH_OK;
}

bh_status DestroyCompartment(bh_compartment compartment) {
  ThreadRecord& own = *CurrentRecord();
  DomainFrame frame(own, CurrentCompartment(own));
  if (!frame.ok()) return BH_ERR_DEPTH;
  LockHolder hold(lock);
  CompartmentRow* row = FindLive(compartment);
  if (row == nullptr || IdOf(*row) == kRoot) return BH_ERR_DESTROYED;
  __atomic_store_n(&row->state, BH_STATE_CLOSING, __ATOMIC_SEQ_CST);
  // A gate says that it is inside before it reads the state; with this fence in
  // every thread, either it sees CLOSING or we see it.
  const bool fenced = sys::Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
  if (!fenced || SomeoneInside(*row)) {
    __atomic_store_n(&row->state, BH_STATE_LIVE, __ATOMIC_RELEASE);
    return fenced ? BH_ERR_BUSY : BH_ERR_KERNEL;
  }
  heap_hooks.discard(IdOf(*row));
  TearDown(*row);
  return BH_OK;
}

bh_status PrepareThread(ThreadRecord& record, CompartmentRow& row) {
  const uint32_t index = Index(IdOf(row));
  if (record.stacks[index] != 0) return BH_OK;
  if (!EnsureSignalStack(record)) return BH_ERR_KERNEL;
  const uintptr_t end = CommitStack(row);
  if (end == 0) return BH_ERR_NO_MEMORY;
  record.stacks[index] = end;
  record.stack_ends[index] = end;
  return BH_OK;
}

void AwaitCompartments() { LockHolder hold(lock); }

void LockCompartments() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockCompartments() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

}  // namespace bulkhead
