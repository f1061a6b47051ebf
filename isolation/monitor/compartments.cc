// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/compartments.h"

#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/options.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/variables.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/process.h"
#include "isolation/monitor/stacks.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constexpr size_t kLeastStack = size_t{64} << 10;
constexpr size_t kMostStack = size_t{64} << 20;
// Above a thread's stack in a sandbox, for its TLS.
constexpr size_t kMostTls = size_t{256} << 10;

constinit BULKHEAD_SEALED Lock lock;

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

bool Resolve(uint32_t value, uint64_t by_default) {
  return value == BH_DEFAULT ? by_default != 0 : value == BH_ON;
}

bh_status ResolveTraits(size_t stack, const Switches& switches,
                        Traits& traits) {
  const Options& options = GetOptions();
  if (stack == 0) stack = options.stack_kib << 10;
  if (stack < kLeastStack || stack > kMostStack) return BH_ERR_OPTIONS;
  traits.kind = switches.kind;
  traits.stack_bytes = RoundUp(stack, kPageBytes);
  if (IsSandbox(traits.kind)) traits.stack_bytes += kMostTls;
  // The options are about secrets.
  const bool keeps = traits.kind == Kind::kVault;
  traits.wipe = Resolve(switches.wipe, keeps && options.wipe);
  traits.lock = Resolve(switches.lock, keeps && options.lock);
  traits.wipe_on_fork =
      Resolve(switches.wipe_on_fork, keeps && options.wipe_on_fork);
  traits.grants = switches.grants == BH_ON;
  return BH_OK;
}

// A free row, by preference one that has the keys that are called for, and
// stacks of the right size.
// The shared heap has its own key, and its row for good.
CompartmentRow* FindFreeRow(const Traits& traits) {
  CompartmentRow* best = nullptr;
  const bool by_key = traits.kind != Kind::kShared;
  const auto value = [&traits, by_key](const CompartmentRow& row) {
    return ((row.key != kUntagged) == by_key ? 4 : 0) +
           ((row.heap_key != row.key) == traits.grants ? 2 : 0) +
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
    record->sandbox_fs[Index(id)] = 0;
  }
}

// Of a sandbox that nobody is in: its threads' TLS lies with their stacks,
// which were emptied.
void ForgetTls(CompartmentId id) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    record->stacks[Index(id)] = 0;
    record->sandbox_fs[Index(id)] = 0;
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
  row.gate_delta =
      reinterpret_cast<uintptr_t>(&bulkhead_entries[row.first_entry]) -
      reinterpret_cast<uintptr_t>(gates);
  const uint32_t id = Index(IdOf(row));
  const auto stack_offset = static_cast<uint32_t>(
      offsetof(ThreadRecord, stacks) + id * sizeof(uintptr_t));
  for (uint32_t i = 0; i < count; ++i) {
    if (!SameName(gates[i].compartment, row.name)) continue;
    EntryRow& entry = bulkhead_entries[row.first_entry + i];
    entry.function = gates[i].function;
    // Only the monitor leads into a sandbox: to other gates the entry opens
    // nothing, and no handle is the caller's.
    entry.open_mask = IsSandbox(row.traits.kind) ? ~uint32_t{0} : row.open_mask;
    entry.stack_offset = stack_offset;
    entry.compartment = id;
  }
  return BH_OK;
}

// By its handle in their rows, gates find a compartment live.
void SetHandleOfEntries(const CompartmentRow& row, uint64_t handle) {
  if (IsSandbox(row.traits.kind)) return;
  for (EntryRow& entry : bulkhead_entries) {
    if (entry.compartment != Index(IdOf(row))) continue;
    __atomic_store_n(&entry.handle, handle, __ATOMIC_SEQ_CST);
  }
}

void MakeLive(CompartmentRow& row) {
  SetHandleOfEntries(row, AsNumber(HandleOf(row)));
  __atomic_store_n(&row.state, BH_STATE_LIVE, __ATOMIC_RELEASE);
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
  BULKHEAD_CHECK(ReleaseMemory(row) && ReleaseVariables(row),
                 "the kernel refused to unmap a compartment's pages");
  if (IsSandbox(row.traits.kind)) ForgetTls(IdOf(row));
  if (IsGrantedSomething(IdOf(row))) {
    ForgetGrantsTo(IdOf(row));
    SettleGrants();
  }
  row.name[0] = '\0';
  __atomic_store_n(&row.state, BH_STATE_FREE, __ATOMIC_RELEASE);
}

// Gives the row the keys that it lacks. One that has more than it needs keeps
// it.
bh_status TakeKeys(CompartmentRow& row) {
  const bool is_new = row.key == kUntagged;
  const bool for_heap =
      row.traits.grants && (is_new || row.heap_key == row.key);
  if (is_new) {
    const HardwareKey key = row.traits.kind == Kind::kShared
                                ? Keys().Fixed(KeyUse::kSharedHeap)
                                : Keys().TryAcquire();
    if (key == kNoKey) return BH_ERR_NO_KEY;
    row.key = key;
    row.heap_key = key;
    key_owners[Number(key)] = IdOf(row);
  }
  if (for_heap) {
    const HardwareKey key = Keys().TryAcquire();
    if (key == kNoKey) return BH_ERR_NO_KEY;
    row.heap_key = key;
    key_owners[Number(key)] = IdOf(row);
  }
  row.open_mask = Bits(~(BothBits(row.key) | BothBits(row.heap_key)));
  row.read_bits = Bits(ReadOnly(row.key) | ReadOnly(row.heap_key));
  return BH_OK;
}

// The keys, entries and heap of a row that has its name and traits.
bh_status Furnish(CompartmentRow& row, const bh_gate* gates,
                  const bh_gate* gates_end) {
  if (enforcement == Enforcement::kPku) {
    const bh_status taken = TakeKeys(row);
    if (taken != BH_OK) return taken;
  }
  SettleKeyBits(row);
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
  return heap_hooks.probe(IdOf(row)) && CommitStack(row) != 0 ? BH_OK
                                                              : BH_ERR_LOCK;
}

// Whether the record says that its thread is in the row: in a scope; or,
// without keys, on a visit; or by the one word of its stack there, which counts
// unless the thread has left for good since. REQUIRES: the row's memory is
// readable.
bool SaysInside(const ThreadRecord& record, const CompartmentRow& row) {
  const uint32_t id = Index(IdOf(row));
  if (__atomic_load_n(&record.scopes[id], __ATOMIC_SEQ_CST) != 0) return true;
  if (IsSandbox(row.traits.kind)) return false;
  if (enforcement != Enforcement::kPku) {
    return VisitsOf(record, IdOf(row)) != 0;
  }
  const uintptr_t end = record.stack_ends[id];
  if (record.stacks[id] == 0 || end == 0) return false;
  return *reinterpret_cast<const uint64_t*>(end - BH_FRAME_INSIDE) != 0;
}

// Whether the thread of the record is in the row. One that has ended there
// leaves it now.
bool IsInside(ThreadRecord& record, const CompartmentRow& row) {
  if (!SaysInside(record, row)) return false;
  // No new thread adopts the record meanwhile.
  LockThreadRecords();
  const bool is_gone = ThreadIsGone(record);
  if (is_gone) LeaveCompartments(record);
  UnlockThreadRecords();
  return !is_gone;
}

// REQUIRES: the row is CLOSING, and every thread was fenced since.
bool SomeoneInside(const ThreadRecord& caller, CompartmentRow& row) {
  const bool by_keys = enforcement == Enforcement::kPku;
  if (by_keys) bulkhead_monitor_read_pku(Index(IdOf(row)));
  bool found = false;
  for (ThreadRecord* record = FirstRecord(); record != nullptr && !found;
       record = record->next) {
    found = IsInside(*record, row);
  }
  if (by_keys) {
    bulkhead_monitor_read_pku(Index(caller.claimed));
    return found;
  }
  // A visit counts before the record tells of it.
  LockHolder hold(row.heap_lock);
  return found || row.threads_inside != 0;
}

// REQUIRES: the row is CLOSING. A visit that began before ends without waiting
// for anybody; none begins.
void AwaitVisits(const CompartmentRow& row) {
  for (const ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    while (__atomic_load_n(&record->visited, __ATOMIC_SEQ_CST) ==
           Index(IdOf(row))) {
      sys::Call(SYS_sched_yield);
    }
  }
}

bool IsInState(CompartmentId id, uint32_t state) {
  return __atomic_load_n(&RowOf(id).state, __ATOMIC_SEQ_CST) == state;
}

bh_result Result(bh_status status, uint64_t value = 0) {
  return {value, static_cast<uint64_t>(status)};
}

bh_compartment Handle(uint64_t id, uint64_t generation) {
  return {static_cast<uint32_t>(id), static_cast<uint32_t>(generation)};
}

}  // namespace

bh_result MonitorName(ThreadRecord& record, uint64_t a0, uint64_t a1,
                      uint64_t a2, uint64_t a3) {
  const uint64_t words[] = {a0, a1, a2, a3};
  static_assert(sizeof(words) == kNameBytes);
  __builtin_memcpy(record.name, words, sizeof(words));
  record.name[kNameBytes - 1] = '\0';
  return {};
}

bh_result MonitorQuotas(ThreadRecord& record, uint64_t bytes, uint64_t threads,
                        uint64_t, uint64_t) {
  record.quotas = {bytes, threads};
  return {};
}

namespace {

// Has every thread ask for its stack in the row, which may be that of a visit
// to the compartment before: so those are counted that have been in this one.
void ForgetVisitors(const CompartmentRow& row) {
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    record->stacks[Index(IdOf(row))] = 0;
  }
}

}  // namespace

bh_result MonitorCreate(ThreadRecord& record, uint64_t stack_bytes,
                        uint64_t raw_switches, uint64_t raw_gates,
                        uint64_t raw_gates_end) {
  const auto* gates = reinterpret_cast<const bh_gate*>(raw_gates);
  const auto* gates_end = reinterpret_cast<const bh_gate*>(raw_gates_end);
  Switches switches;
  if (!IsValidName(record.name)) return Result(BH_ERR_NAME);
  if (!UnpackSwitches(raw_switches, switches)) return Result(BH_ERR_OPTIONS);
  Traits traits;
  const bh_status resolved = ResolveTraits(stack_bytes, switches, traits);
  if (resolved != BH_OK) return Result(resolved);
  traits.quotas = record.quotas;
  if (IsSandbox(traits.kind) && !is_root_closed) {
    return Result(BH_ERR_LEVEL);
  }
  LockHolder hold(lock);
  if (FindByName(record.name) != nullptr) return Result(BH_ERR_NAME_TAKEN);
  CompartmentRow* row = FindFreeRow(traits);
  if (row == nullptr) return Result(BH_ERR_TOO_MANY);
  __builtin_memcpy(row->name, record.name, kNameBytes);
  row->traits = traits;
  row->scopes = switches.scopes == BH_ON ? 1 : 0;
  row->generation = last_generation + 1;
  __atomic_store_n(&last_generation, row->generation, __ATOMIC_RELAXED);
  bh_status status = Furnish(*row, gates, gates_end);
  if (status == BH_OK) {
    status = ProbeLock(*row);
    if (status != BH_OK) heap_hooks.discard(IdOf(*row));
  }
  if (status != BH_OK) {
    TearDown(*row);
    return Result(status);
  }
  ExpectCompartments();
  if (traits.quotas.threads != 0) ForgetVisitors(*row);
  MakeLive(*row);
  return Result(BH_OK, AsNumber(HandleOf(*row)));
}

bh_result MonitorDestroy(ThreadRecord& record, uint64_t id, uint64_t generation,
                         uint64_t, uint64_t) {
  LockHolder hold(lock);
  CompartmentRow* row = FindLive(Handle(id, generation));
  if (row == nullptr || IdOf(*row) == kRoot) return Result(BH_ERR_DESTROYED);
  // Whoever destroys it takes back what it granted first.
  if (row->traits.kind == Kind::kShared || row->grants.any()) {
    return Result(BH_ERR_BUSY);
  }
  __atomic_store_n(&row->state, BH_STATE_CLOSING, __ATOMIC_SEQ_CST);
  SetHandleOfEntries(*row, kNoHandle);
  // A gate says that it is inside before it reads the handle; with this fence
  // in every thread, either it sees no handle or we see it.
  const bool fenced = sys::Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
  if (!fenced || SomeoneInside(record, *row)) {
    MakeLive(*row);
    return Result(fenced ? BH_ERR_BUSY : BH_ERR_KERNEL);
  }
  AwaitVisits(*row);
  heap_hooks.discard(IdOf(*row));
  ForgetMonitorEntriesOf(IdOf(*row));
  TearDown(*row);
  return {};
}

// The value is 1 if something was made.
namespace {

// Whether one thread more may have been in the compartment.
bool HasRoomForThread(const CompartmentRow& row) {
  const uint64_t most = row.traits.quotas.threads;
  uint64_t threads = 0;
  for (const ThreadRecord* record = FirstRecord();
       record != nullptr && threads < most; record = record->next) {
    if (record->stacks[Index(IdOf(row))] != 0 && !ThreadIsGone(*record)) {
      ++threads;
    }
  }
  return threads < most;
}

// 1: the thread has a stack there that it had not. A record that was another
// thread's has its stack, where that one may have left something: it may have
// ended without a word, or come in again while it ended.
bh_result GiveStack(ThreadRecord& record, CompartmentRow& row,
                    uint64_t tls_below, uint64_t tls_above) {
  const uint32_t id = Index(IdOf(row));
  uintptr_t end = record.stack_ends[id];
  EmptyStackIn(record, row);
  if (end == 0) end = CommitStack(row);
  if (end == 0) return Result(BH_ERR_NO_MEMORY);
  record.stack_ends[id] = end;
  CloseRootWay(record);
  if (IsSandbox(row.traits.kind)) {
    constexpr uintptr_t kAlignment = 64;
    if (tls_below > kMostTls / 2 || tls_above > kMostTls / 4) {
      return Result(BH_ERR_NO_MEMORY);
    }
    record.sandbox_fs[id] = RoundDown(end - tls_above, kAlignment);
    record.stacks[id] =
        RoundDown(record.sandbox_fs[id] - tls_below, kAlignment);
    return Result(BH_OK, 1);
  }
  record.stacks[id] = end;
  return Result(BH_OK, 1);
}

}  // namespace

bh_result MonitorPrepareThread(ThreadRecord& record, uint64_t id,
                               uint64_t tls_below, uint64_t tls_above,
                               uint64_t) {
  if (id == 0 || id >= BH_MAX_COMPARTMENTS) return Result(BH_ERR_DESTROYED);
  if (record.stacks[id] != 0) return {};
  CompartmentRow& row = bulkhead_compartments[id];
  if (row.traits.kind == Kind::kShared) return Result(BH_ERR_ENTRY);
  if (row.traits.quotas.threads == 0) {
    return GiveStack(record, row, tls_below, tls_above);
  }
  // Counted and given at once.
  LockHolder hold(lock);
  return HasRoomForThread(row) ? GiveStack(record, row, tls_below, tls_above)
                               : Result(BH_ERR_QUOTA);
}

bh_result MonitorAwait(ThreadRecord&, uint64_t, uint64_t, uint64_t, uint64_t) {
  LockHolder hold(lock);
  return {};
}

// Says whom it visits before it reads the state; whoever destroys sets the
// state before it looks for visits.
HeapVisit::HeapVisit(ThreadRecord& record, CompartmentId id)
    : record_(record), ok_(false) {
  for (;;) {
    __atomic_store_n(&record.visited, Index(id), __ATOMIC_SEQ_CST);
    ok_ = IsInState(id, BH_STATE_LIVE);
    if (ok_) return;
    __atomic_store_n(&record.visited, Index(kRoot), __ATOMIC_SEQ_CST);
    if (IsInState(id, BH_STATE_FREE)) return;
    LockHolder hold(lock);
  }
}

HeapVisit::~HeapVisit() {
  __atomic_store_n(&record_.visited, Index(kRoot), __ATOMIC_RELEASE);
}

void LockCompartments() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockCompartments() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

}  // namespace bulkhead
