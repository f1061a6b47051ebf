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

// Where PKRU is not what the record last saw, or the key is open already.
// `next`: whom the record must name as current before the gate is tried again.
bh_result CallInFrame(ThreadRecord& record, CompartmentId next,
                      const Request& request) {
  bh_result result = Refused(BH_ERR_DEPTH);
  const bool pushed =
      InDomainFrame(record, next, [&] { result = Retry(request); });
  return pushed ? result : Refused(BH_ERR_DEPTH);
}

bh_result AnswerOtherDomain(ThreadRecord& record, const Request& request) {
  if ((ReadPkru() & Pkru{bulkhead_owned_pkru}) != record.pkru) {
    return CallInFrame(record, CurrentCompartment(record), request);
  }
  CallMonitor(record, MonitorCall::kSeePkru);
  return Retry(request);
}

bh_result AnswerAlreadyOpen(ThreadRecord& record, const Request& request) {
  // A row without a compartment opens nothing, either.
  if (FindLive(request.compartment) == nullptr) return AnswerNotLive(request);
  return CallInFrame(record, CompartmentId{request.compartment.id}, request);
}

// Where the thread has no record yet, or a handler ran on its alternate stack.
bh_result AnswerShut(const Request& request) {
  ThreadRecord& record = *CurrentRecord();
  if (!IsOnHandlerStack(record)) {
    CallMonitor(record, MonitorCall::kOpenGates, 1);
    return Retry(request);
  }
  const SignalsBlocked blocked;
  bh_result result = {};
  CallMonitor(record, MonitorCall::kOpenGates, 1);
  Guarded([&] { result = Retry(request); },
          [&] { CallMonitor(record, MonitorCall::kOpenGates, 0); });
  return result;
}

bh_result AnswerWithKeys(const Request& request, uint64_t why) {
  switch (why) {
    case BH_GATE_SHUT:
      return AnswerShut(request);
    case BH_GATE_OTHER_DOMAIN:
      return AnswerOtherDomain(*CurrentRecord(), request);
    case BH_GATE_ALREADY_OPEN:
      return AnswerAlreadyOpen(*CurrentRecord(), request);
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
    const SignalsBlocked blocked;
    return CallByPages(request.compartment, entry, request.arguments);
  }
  return CallByPages(request.compartment, entry, request.arguments);
}

bool IsAboutDomain(uint64_t wanted) {
  return wanted == BH_GATE_OTHER_DOMAIN || wanted == BH_GATE_ALREADY_OPEN;
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
    const CompartmentId next = result.status == BH_GATE_ALREADY_OPEN
                                   ? CompartmentId{compartment.id}
                                   : CurrentCompartment(record);
    const bool pushed = InDomainFrame(record, next, [&] {
      inner = ScopeWithKey(compartment, function, context);
    });
    return pushed ? inner : BH_ERR_DEPTH;
  }
}

}  // namespace

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

bh_result bulkhead_answer_gate(bh_compartment compartment, const bh_gate* gate,
                               const uint64_t arguments[6], uint64_t why) {
  if (compartment.id == 0 || compartment.id >= BH_MAX_COMPARTMENTS) {
    return bulkhead::Refused(BH_ERR_DESTROYED);
  }
  const bulkhead::Request request = {compartment, gate, arguments};
  return bulkhead::enforcement == bulkhead::Enforcement::kPku
             ? bulkhead::AnswerWithKeys(request, why)
             : bulkhead::CallWithoutKeys(request);
}
