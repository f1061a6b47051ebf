// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/call.h"

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/gate/domain_frame.h"
#include "isolation/gate/page_gate.h"
#include "isolation/monitor/compartments.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

constexpr uint64_t kNoEntry = 0xffff;

bh_result Refused(bh_status status) {
  return {0, static_cast<uint64_t>(status)};
}

// The gate's index among its row's entries; the gate itself bounds and checks
// it again.
uint64_t EntryIndex(const CompartmentRow& row, const bh_gate* gate) {
  const auto distance = reinterpret_cast<uintptr_t>(gate) -
                        reinterpret_cast<uintptr_t>(row.gates);
  const uintptr_t index = distance / sizeof(bh_gate);
  return index < row.entry_count && distance % sizeof(bh_gate) == 0 ? index
                                                                    : kNoEntry;
}

// Answers what a gate wants before it can be passed. BH_OK: try again.
bh_status Prepare(uint64_t wanted, bh_compartment compartment) {
  CompartmentRow& row = bulkhead_compartments[compartment.id];
  switch (wanted) {
    case BH_GATE_OTHER_THREAD:
      AttachThread();
      return BH_OK;
    case BH_GATE_NO_STACK:
      return PrepareThread(*CurrentRecord(), IdOf(row));
    case BH_GATE_NO_ENTRY:
      return BH_ERR_ENTRY;
    case BH_GATE_NOT_LIVE:
      if (__atomic_load_n(&row.state, __ATOMIC_ACQUIRE) != BH_STATE_FREE &&
          row.generation == compartment.generation) {
        // Somebody tries to destroy it, and may find that it is in use.
        AwaitCompartments(*CurrentRecord());
        return FindLive(compartment) != nullptr ? BH_OK : BH_ERR_DESTROYED;
      }
      return BH_ERR_DESTROYED;
    default:
      DieExpected("a gate gave an unknown answer", 0, wanted);
  }
}

bool IsAboutDomain(uint64_t wanted) {
  return wanted == BH_GATE_OTHER_DOMAIN || wanted == BH_GATE_ALREADY_OPEN;
}

// Whom the record must name as current before the gate is tried again.
CompartmentId NextCurrent(uint64_t wanted, const ThreadRecord& record,
                          bh_compartment compartment) {
  return wanted == BH_GATE_ALREADY_OPEN ? CompartmentId{compartment.id}
                                        : CurrentCompartment(record);
}

bh_result CallWithKey(uint64_t target, bh_compartment compartment,
                      const Arguments& arguments) {
  const uint64_t* word = arguments.word;
  for (;;) {
    const bh_result result = bulkhead_gate_pku(
        target, word[0], word[1], word[2], word[3], word[4], word[5]);
    if (__builtin_expect(result.status == BH_OK, true)) return result;
    if (IsAboutDomain(result.status)) {
      ThreadRecord& record = *CurrentRecord();
      bh_result inner = Refused(BH_ERR_DEPTH);
      const bool pushed = InDomainFrame(
          record, NextCurrent(result.status, record, compartment),
          [&] { inner = CallWithKey(target, compartment, arguments); });
      return pushed ? inner : Refused(BH_ERR_DEPTH);
    }
    const bh_status status = Prepare(result.status, compartment);
    if (status != BH_OK) return Refused(status);
  }
}

bh_status ScopeWithKey(bh_compartment compartment, void (*function)(void*),
                       void* context) {
  for (;;) {
    const bh_result result =
        bulkhead_scope_pku(compartment.id, function, context);
    if (result.status == BH_OK) return BH_OK;
    if (result.status == BH_GATE_OTHER_THREAD) {
      AttachThread();
      continue;
    }
    BULKHEAD_CHECK(IsAboutDomain(result.status),
                   "a scope gave an unknown answer");
    ThreadRecord& record = *CurrentRecord();
    bh_status inner = BH_ERR_DEPTH;
    const bool pushed = InDomainFrame(
        record, NextCurrent(result.status, record, compartment),
        [&] { inner = ScopeWithKey(compartment, function, context); });
    return pushed ? inner : BH_ERR_DEPTH;
  }
}

// REQUIRES: the compartment's id is one.
bh_result CallFrom(bh_compartment compartment, const bh_gate* gate,
                   const Arguments& arguments) {
  const uint64_t entry =
      EntryIndex(bulkhead_compartments[compartment.id], gate);
  if (enforcement == Enforcement::kPku) {
    const uint64_t target =
        compartment.id | entry << 16 | uint64_t{compartment.generation} << 32;
    return CallWithKey(target, compartment, arguments);
  }
  return CallByPages(compartment, entry, arguments);
}

}  // namespace

bh_result CallGate(bh_compartment compartment, const bh_gate* gate,
                   const Arguments& arguments) {
  if (compartment.id == 0 || compartment.id >= BH_MAX_COMPARTMENTS) {
    return Refused(BH_ERR_DESTROYED);
  }
  if (__builtin_expect(IsOnHandlerStack(*CurrentRecord()), false)) {
    const SignalsBlocked blocked;
    return CallFrom(compartment, gate, arguments);
  }
  return CallFrom(compartment, gate, arguments);
}

bh_status CallInScope(bh_compartment compartment, void (*function)(void*),
                      void* context) {
  if (heap_hooks.create == nullptr) return BH_ERR_DESTROYED;
  ThreadRecord& record = *CurrentRecord();
  const bh_result begun = CallMonitor(record, MonitorCall::kBeginScope,
                                      compartment.id, compartment.generation);
  if (begun.status != BH_OK) return static_cast<bh_status>(begun.status);
  bh_status status = BH_OK;
  Guarded(
      [&] {
        status = PrepareThread(record, CompartmentId{compartment.id});
        if (status != BH_OK) return;
        status = enforcement == Enforcement::kPku
                     ? ScopeWithKey(compartment, function, context)
                     : ScopeByPages(compartment, function, context);
      },
      [&] { CallMonitor(record, MonitorCall::kEndScope, compartment.id); });
  return status;
}

}  // namespace bulkhead
