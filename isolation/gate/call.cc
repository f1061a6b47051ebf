// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/call.h"

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/gate/domain_frame.h"
#include "isolation/gate/domain_gate.h"
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

// What a caller asked for.
struct Request {
  bh_compartment compartment;
  const bh_gate* gate;
  const uint64_t* arguments;
};

bh_result Retry(const Request& request) {
  const uint64_t* word = request.arguments;
  return bh_call(request.compartment, request.gate, word[0], word[1], word[2],
                 word[3], word[4], word[5]);
}

// The gate's index among its row's entries.
uint64_t EntryIndex(const CompartmentRow& row, const bh_gate* gate) {
  const auto distance = reinterpret_cast<uintptr_t>(gate) -
                        reinterpret_cast<uintptr_t>(row.gates);
  const uintptr_t index = distance / sizeof(bh_gate);
  return index < row.entry_count && distance % sizeof(bh_gate) == 0 ? index
                                                                    : kNoEntry;
}

// Where a gate found no handle, or another one than the caller's.
bh_result AnswerNotLive(const Request& request) {
  const CompartmentRow& row = bulkhead_compartments[request.compartment.id];
  if (__atomic_load_n(&row.state, __ATOMIC_ACQUIRE) != BH_STATE_FREE &&
      row.generation == request.compartment.generation) {
    // Somebody may try to destroy it, and find that it is in use.
    AwaitCompartments(*CurrentRecord());
  }
  if (FindLive(request.compartment) == nullptr) {
    return Refused(BH_ERR_DESTROYED);
  }
  const uint64_t index = EntryIndex(row, request.gate);
  if (index == kNoEntry ||
      bulkhead_entries[row.first_entry + index].compartment !=
          Index(IdOf(row))) {
    return Refused(BH_ERR_ENTRY);
  }
  return Retry(request);
}

// Where PKRU will not tell who runs, or tells of a sandbox: the record must.
bh_result CallThroughMonitor(const Request& request) {
  const auto call =
      IsSandbox(bulkhead_compartments[request.compartment.id].traits.kind)
          ? CallSandbox
          : CallVault;
  const bh_result result =
      call(request.compartment, request.gate, request.arguments);
  return result.status == BH_ERR_DESTROYED ? AnswerNotLive(request) : result;
}

bh_result AnswerOtherDomain(ThreadRecord& record, const Request& request) {
  if ((ReadPkru() & Pkru{bulkhead_owned_pkru}) != record.pkru) {
    return CallThroughMonitor(request);
  }
  CallMonitor(record, MonitorCall::kSeePkru);
  return Retry(request);
}

// Where the thread has no record yet, a handler ran on its alternate stack, or
// signals must wait.
bh_result AnswerShut(const Request& request) {
  ThreadRecord& record = *CurrentRecord();
  if (record.current != kRoot) return CallThroughMonitor(request);
  if (!MustBlockSignals(record)) {
    CallMonitor(record, MonitorCall::kOpenGates, 1);
    return Retry(request);
  }
  bh_result result = {};
  WithSignalsBlocked([&] {
    CallMonitor(record, MonitorCall::kOpenGates, 1);
    Guarded([&] { result = Retry(request); },
            [&] { CallMonitor(record, MonitorCall::kOpenGates, 0); });
  });
  return result;
}

bh_result AnswerWithKeys(const Request& request, uint64_t why) {
  if (IsConfined(*CurrentRecord())) {
    return request.compartment.id == Index(kRoot)
               ? CallRoot(request.gate, request.arguments)
               : Refused(BH_ERR_DENIED);
  }
  if (request.compartment.id == Index(kRoot)) return Refused(BH_ERR_DESTROYED);
  switch (why) {
    case BH_GATE_SHUT:
      return AnswerShut(request);
    case BH_GATE_OTHER_DOMAIN:
      return AnswerOtherDomain(*CurrentRecord(), request);
    case BH_GATE_ALREADY_OPEN:
      return CallThroughMonitor(request);
    case BH_GATE_NO_STACK: {
      if (FindLive(request.compartment) == nullptr) {
        return AnswerNotLive(request);
      }
      const bh_status status = PrepareThread(
          *CurrentRecord(), CompartmentId{request.compartment.id});
      return status == BH_OK ? Retry(request) : Refused(status);
    }
    case BH_GATE_NOT_LIVE:
    case BH_GATE_NO_ENTRY:
      return AnswerNotLive(request);
    default:
      DieExpected("a gate gave an unknown answer", 0, why);
  }
}

bh_result CallWithoutKeys(const Request& request) {
  const uint64_t entry =
      EntryIndex(bulkhead_compartments[request.compartment.id], request.gate);
  if (__builtin_expect(IsOnHandlerStack(*CurrentRecord()), false)) {
    bh_result result = {};
    WithSignalsBlocked([&] {
      result = CallByPages(request.compartment, entry, request.arguments);
    });
    return result;
  }
  return CallByPages(request.compartment, entry, request.arguments);
}

bh_status ScopeWithKey(ThreadRecord& record, bh_compartment compartment,
                       void (*function)(void*), void* context) {
  const bh_result begun = CallMonitor(record, MonitorCall::kBeginScope,
                                      compartment.id, compartment.generation);
  if (begun.status != BH_OK) return static_cast<bh_status>(begun.status);
  return Guarded([&] { function(context); },
                 [&] {
                   // Beyond the domain that is the record's afterwards.
                   const CompartmentId beyond =
                       record.frames[record.depth - 1].beyond;
                   CallMonitorFrom(beyond, record, MonitorCall::kEndScope,
                                   compartment.id, 0, 0, 0);
                 });
}

bh_status ScopeWithoutKey(ThreadRecord& record, bh_compartment compartment,
                          void (*function)(void*), void* context) {
  const bh_result begun = CallMonitor(record, MonitorCall::kBeginScope,
                                      compartment.id, compartment.generation);
  if (begun.status != BH_OK) return static_cast<bh_status>(begun.status);
  bh_status status = BH_OK;
  Guarded(
      [&] {
        status = PrepareThread(record, CompartmentId{compartment.id});
        if (status != BH_OK) return;
        status = ScopeByPages(compartment, function, context);
      },
      [&] { CallMonitor(record, MonitorCall::kEndScope, compartment.id); });
  return status;
}

}  // namespace

bh_status CallInScope(bh_compartment compartment, void (*function)(void*),
                      void* context) {
  if (heap_hooks.create == nullptr) return BH_ERR_DESTROYED;
  ThreadRecord& record = *CurrentRecord();
  if (IsConfined(record)) return BH_ERR_DENIED;
  if (enforcement != Enforcement::kPku) {
    return ScopeWithoutKey(record, compartment, function, context);
  }
  const CompartmentRow* row = FindLive(compartment);
  if (row == nullptr || IdOf(*row) == kRoot) return BH_ERR_DESTROYED;
  if (row->scopes == 0) return BH_ERR_NO_SCOPES;
  // Its signal stack, above all.
  const bh_status prepared =
      IsSandbox(row->traits.kind)
          ? MakeHome(record, compartment)
          : PrepareThread(record, CompartmentId{compartment.id});
  if (prepared != BH_OK) return prepared;
  if (signals_wait) {
    bh_status status = BH_OK;
    WithSignalsBlocked(
        [&] { status = ScopeWithKey(record, compartment, function, context); });
    return status;
  }
  return ScopeWithKey(record, compartment, function, context);
}

}  // namespace bulkhead

bh_result bulkhead_answer_gate(bh_compartment compartment, const bh_gate* gate,
                               const uint64_t arguments[6], uint64_t why) {
  const bulkhead::Request request = {compartment, gate, arguments};
  const bool by_keys = bulkhead::enforcement == bulkhead::Enforcement::kPku;
  if (compartment.id >= BH_MAX_COMPARTMENTS ||
      (compartment.id == 0 && !by_keys)) {
    return bulkhead::Refused(BH_ERR_DESTROYED);
  }
  return by_keys ? bulkhead::AnswerWithKeys(request, why)
                 : bulkhead::CallWithoutKeys(request);
}
