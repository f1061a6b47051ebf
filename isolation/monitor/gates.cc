// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Gates that lead through the monitor, and what must be so before there is a
// sandbox.

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/process.h"
#include "isolation/monitor/rights.h"
#include "isolation/monitor/stacks.h"
#include "isolation/sandbox/tls.h"
#include "isolation/thread/signal_action.h"

namespace bulkhead {
namespace {

static_assert(BH_ERR_EXCEPTION == BH_LEFT_BY_EXCEPTION);

// The handler that the compartment has installed for the signal, or 0.
uint64_t FindHandler(const CompartmentRow& row, uint64_t signal) {
  const SignalAction& action = signal_actions[signal];
  const bool is_function =
      action.handler != reinterpret_cast<uintptr_t>(SIG_IGN);
  return is_function && action.owner == AsNumber(HandleOf(row)) ? action.handler
                                                                : 0;
}

// The entry behind `gate`; for the number of a signal, the vault's handler; for
// no gate, a sandbox's that fills the thread's TLS. 0: there is none.
uint64_t FindEntry(const CompartmentRow& row, uint64_t gate) {
  if (gate == 0 && IsSandbox(row.traits.kind)) {
    return reinterpret_cast<uintptr_t>(&FillTls);
  }
  if (gate < kSignals) return FindHandler(row, gate);
  const uint64_t distance = gate - reinterpret_cast<uintptr_t>(row.gates);
  const uint64_t index = distance / sizeof(bh_gate);
  if (index >= row.entry_count || distance % sizeof(bh_gate) != 0) return 0;
  const EntryRow& entry = bulkhead_entries[row.first_entry + index];
  return entry.compartment == Index(IdOf(row))
             ? reinterpret_cast<uintptr_t>(entry.function)
             : 0;
}

// What gates into vaults and sandboxes have in common: who is called, and that
// the caller counts as inside. nullptr, with why not: nothing has changed.
CompartmentRow* BeginGate(ThreadRecord& record, uint64_t handle, uint64_t gate,
                          bool is_sandbox, uint64_t& why) {
  const bh_compartment wanted = AsHandle(handle);
  why = BH_ERR_DEPTH;
  if (record.depth >= kMostFrames) return nullptr;
  why = BH_ERR_DESTROYED;
  CompartmentRow* row = FindLive(wanted);
  if (row == nullptr || IdOf(*row) == kRoot ||
      IsSandbox(row->traits.kind) != is_sandbox) {
    return nullptr;
  }
  // Said before the state is read again: see MonitorDestroy().
  __atomic_fetch_add(&record.scopes[wanted.id], 1, __ATOMIC_SEQ_CST);
  const uint64_t entry = FindEntry(*row, gate);
  why = BH_OK;
  if (record.stacks[wanted.id] == 0) why = BH_GATE_NO_STACK;
  if (entry == 0) why = BH_ERR_ENTRY;
  if (FindLive(wanted) != row) why = BH_ERR_DESTROYED;
  if (why != BH_OK) {
    __atomic_fetch_sub(&record.scopes[wanted.id], 1, __ATOMIC_SEQ_CST);
    return nullptr;
  }
  record.callee = entry;
  return row;
}

// What the root allows a sandbox to call.
struct Callback {
  uint64_t sandbox = 0;  // its handle
  uint64_t gate = 0;
  uint64_t function = 0;
};
constexpr size_t kMostCallbacks = 256;

// Guarded by the lock of compartments.
constinit BULKHEAD_SEALED Callback callbacks[kMostCallbacks] = {};

class CompartmentsLocked {
 public:
  CompartmentsLocked() { LockCompartments(); }
  ~CompartmentsLocked() { UnlockCompartments(); }
  CompartmentsLocked(const CompartmentsLocked&) = delete;
  CompartmentsLocked& operator=(const CompartmentsLocked&) = delete;
};

// Whether the gate was declared for the compartment "root".
bool IsOfRoot(const bh_gate& gate) {
  const char* const root = RowOf(kRoot).name;
  size_t i = 0;
  while (root[i] != '\0' && gate.compartment[i] == root[i]) ++i;
  return gate.compartment[i] == root[i];
}

// What is in use of a stack below the gate of this size may still be needed.
constexpr uintptr_t kRedZone = 128;

// Puts down the way back from where the record's domain is left for.
void PushGate(ThreadRecord& record, FrameKind kind) {
  Frame& frame = record.frames[record.depth++];
  frame = {record.pkru, record.current, kRoot,          record.claimed,     0,
           kind,        record.fs_base, record.gate_fs, record.caller_stack};
  KeepStack(record, kRedZone, frame);
  // The row that was claimed is the frame's now.
  record.claimed = kRoot;
}

}  // namespace

bh_result MonitorEnterVault(ThreadRecord& record, uint64_t handle,
                            uint64_t gate, uint64_t, uint64_t) {
  uint64_t why;
  const CompartmentRow* row = BeginGate(record, handle, gate, false, why);
  if (row == nullptr) return Refused(why);
  const Pkru callers = record.pkru & Pkru{RowOf(record.claimed).open_mask};
  PushGate(record, FrameKind::kGate);
  SetDomain(record, RightsIn(*row, callers), IdOf(*row));
  return {};
}

bh_result MonitorEnterSandbox(ThreadRecord& record, uint64_t handle,
                              uint64_t gate, uint64_t, uint64_t) {
  uint64_t why;
  const CompartmentRow* row = BeginGate(record, handle, gate, true, why);
  if (row == nullptr) return Refused(why);
  PushGate(record, FrameKind::kGate);
  record.gate_fs = 0;
  record.fs_next = record.sandbox_fs[Index(IdOf(*row))];
  SetDomain(record, RightsIn(*row, record.pkru), IdOf(*row));
  return {};
}

bh_result MonitorLeaveGate(ThreadRecord& record, uint64_t value, uint64_t how,
                           uint64_t, uint64_t) {
  BULKHEAD_CHECK(record.depth > 0, "a thread's frame stack is empty");
  const Frame& frame = record.frames[--record.depth];
  const bool into_compartment = frame.kind == FrameKind::kGate;
  BULKHEAD_CHECK(into_compartment || frame.kind == FrameKind::kCallback,
                 "a thread left by a gate that it had not entered by");
  if (into_compartment) {
    __atomic_fetch_sub(&record.scopes[Index(record.current)], 1,
                       __ATOMIC_SEQ_CST);
  }
  const bool from_vault =
      into_compartment && !IsSandbox(RowOf(record.current).traits.kind);
  record.stacks[Index(frame.left)] = frame.stack;
  record.callee = 0;
  record.gate_fs = frame.gate_fs;
  record.fs_next = frame.fs_base;
  record.claimed = frame.beyond;
  record.caller_stack = frame.caller_stack;
  SetDomain(record, frame.pkru, frame.current);
  switch (how) {
    case 0:
      return {value, BH_OK};
    case BH_LEFT_BY_EXCEPTION:
      return {0, BH_ERR_EXCEPTION};
    case BH_LEFT_UNWOUND:
      // What a sandbox says how to go on is not followed, nor unwound into.
      return from_vault ? bh_result{value, BH_GATE_UNWOUND}
                        : bh_result{0, BH_ERR_ENDED};
    default:
      DieExpected("a gate was left in an unknown way", 0, how);
  }
}

bh_result MonitorCallRoot(ThreadRecord& record, uint64_t, uint64_t gate,
                          uint64_t, uint64_t) {
  if (!IsConfined(record)) return Refused(BH_ERR_DENIED);
  if (record.depth >= kMostFrames) return Refused(BH_ERR_DEPTH);
  const uint64_t handle = AsNumber(HandleOf(RowOf(record.current)));
  uint64_t callee = 0;
  {
    const CompartmentsLocked locked;
    for (const Callback& callback : callbacks) {
      if (callback.sandbox == handle && callback.gate == gate) {
        callee = callback.function;
      }
    }
  }
  // Of a thread that came from a vault, nobody knows where its stack is free.
  if (callee == 0 || record.stacks[Index(kRoot)] == 0) {
    return Refused(BH_ERR_DENIED);
  }
  PushGate(record, FrameKind::kCallback);
  record.callee = callee;
  record.fs_next = record.thread_fs;
  SetDomain(record, RootRights(), kRoot);
  OpenGates(record);
  return {};
}

bh_result MonitorAllow(ThreadRecord&, uint64_t handle, uint64_t raw_gate,
                       uint64_t, uint64_t) {
  const CompartmentRow* row = FindLive(AsHandle(handle));
  if (row == nullptr || !IsSandbox(row->traits.kind)) {
    return Refused(BH_ERR_DESTROYED);
  }
  const auto& gate = *reinterpret_cast<const bh_gate*>(raw_gate);
  const Callback allowed = {handle, raw_gate,
                            reinterpret_cast<uintptr_t>(gate.function)};
  if (allowed.function == 0 || !IsOfRoot(gate)) return Refused(BH_ERR_ENTRY);
  const CompartmentsLocked locked;
  for (Callback& callback : callbacks) {
    const CompartmentRow* owner = FindLive(AsHandle(callback.sandbox));
    const bool is_same =
        callback.sandbox == handle && callback.gate == raw_gate;
    // Of a sandbox that is no more, or never used.
    if (!is_same && owner != nullptr && IsSandbox(owner->traits.kind)) continue;
    callback = allowed;
    return {};
  }
  return Refused(BH_ERR_TOO_MANY_ENTRIES);
}

bh_result MonitorExplain(ThreadRecord& record, uint64_t part, uint64_t first,
                         uint64_t second, uint64_t third) {
  if (part >= kExplainedParts) return Refused(BH_ERR_OPTIONS);
  uint64_t* words = record.explanation[part];
  words[0] = first;
  words[1] = second;
  words[2] = third;
  return {};
}

bh_result MonitorAccuse(ThreadRecord& record, uint64_t kind, uint64_t address,
                        uint64_t program_counter, uint64_t) {
  record.accusation = {true, kind, address, program_counter};
  return {};
}

bh_result MonitorCloseRoot(ThreadRecord&, uint64_t done, uint64_t, uint64_t,
                           uint64_t) {
  BULKHEAD_CHECK(enforcement == Enforcement::kPku,
                 "the root's heap was to be closed without keys");
  BULKHEAD_CHECK(CloseRootHeap(),
                 "the kernel refused to close the root's heap to sandboxes");
  if (done != 0) is_root_closed = true;
  return {};
}

}  // namespace bulkhead
