// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/calls.h"

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/monitor/stacks.h"
#include "isolation/thread/remembered.h"
#include "isolation/thread/signal_action.h"

namespace bulkhead {

bh_result MonitorMarkExiting(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                             uint64_t) {
  record.exiting = true;
  LeaveCompartments(record);
  EmptyStacks(record);
  return heap_hooks.leave(record);
}

bh_result MonitorSeePkru(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                         uint64_t) {
  NoteWholePkru(record);
  return {};
}

bh_result MonitorServeLibc(ThreadRecord& record, uint64_t begin, uint64_t,
                           uint64_t, uint64_t) {
  if (begin != 0) {
    ++record.serving_libc;
  } else if (record.serving_libc != 0) {
    --record.serving_libc;
  }
  SetCurrent(record, record.current);
  return {};
}

bh_result MonitorSetSignalStack(ThreadRecord& record, uint64_t address,
                                uint64_t, uint64_t, uint64_t) {
  record.signal_stack = reinterpret_cast<void*>(address);
  return {};
}

bh_result MonitorSetHandlerStack(ThreadRecord& record, uint64_t begin,
                                 uint64_t bytes, uint64_t, uint64_t) {
  record.handler_stack = {begin, bytes};
  record.gate_fs = 0;
  return {};
}

bh_result MonitorOpenGates(ThreadRecord& record, uint64_t open, uint64_t,
                           uint64_t, uint64_t) {
  if (open != 0) {
    OpenGates(record);
  } else {
    record.gate_fs = 0;
  }
  return {};
}

bh_result MonitorRemember(ThreadRecord&, uint64_t slot, uint64_t value,
                          uint64_t, uint64_t) {
  KeepInSlot(slot, value);
  return {};
}

bh_result MonitorSetAction(ThreadRecord& record, uint64_t signal_and_owner,
                           uint64_t handler, uint64_t flags, uint64_t mask) {
  const uint64_t signal =
      signal_and_owner & ((uint64_t{1} << kActionOwnerShift) - 1);
  BULKHEAD_CHECK(signal < static_cast<uint64_t>(kSignals), "no such signal");
  SignalAction& action = signal_actions[signal];
  // A signal finds no handler of another's meanwhile.
  __atomic_store_n(&action.handler, 0, __ATOMIC_RELAXED);
  switch (static_cast<ActionOwner>(signal_and_owner >> kActionOwnerShift)) {
    case ActionOwner::kByCaller:
      action.owner =
          record.caller == kRoot ? 0 : AsNumber(HandleOf(RowOf(record.caller)));
      break;
    case ActionOwner::kByRoot:
      action.owner = 0;
      break;
    case ActionOwner::kAsBefore:
      break;
  }
  __atomic_store_n(&action.flags, flags, __ATOMIC_RELAXED);
  __atomic_store_n(&action.mask, mask, __ATOMIC_RELAXED);
  __atomic_store_n(&action.handler, handler, __ATOMIC_RELEASE);
  return {};
}

bh_result MonitorTakePending(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                             uint64_t) {
  record.pending_signal = 0;
  return {};
}

// The heap's are the allocator's.
#define BH_HEAP_CALL(name, hook)                                          \
  bh_result Monitor##name(ThreadRecord& record, uint64_t a0, uint64_t a1, \
                          uint64_t a2, uint64_t a3) {                     \
    return heap_hooks.calls.hook(record, a0, a1, a2, a3);                 \
  }
BH_HEAP_CALL(MakeCache, make_cache)
BH_HEAP_CALL(Refill, refill)
BH_HEAP_CALL(Flush, flush)
BH_HEAP_CALL(Allocate, allocate)
BH_HEAP_CALL(Free, free)
BH_HEAP_CALL(Resize, resize)
BH_HEAP_CALL(Inspect, inspect)
BH_HEAP_CALL(Tick, tick)
BH_HEAP_CALL(Purge, purge)
BH_HEAP_CALL(Measure, measure)
#undef BH_HEAP_CALL

namespace {

bh_result NoSuchCall(ThreadRecord&, uint64_t, uint64_t, uint64_t, uint64_t) {
  Die("no such call of the monitor");
}

constexpr uint32_t kCalls =
#define BH_MONITOR_CALL(name, who, arguments) +1
#include "isolation/arch/monitor_calls.inc"
#undef BH_MONITOR_CALL
    ;
static_assert(kCalls <= BH_MONITOR_CALLS);
static_assert(static_cast<uint32_t>(MonitorCall::kEnterVault) ==
              BH_CALL_ENTER_VAULT);
static_assert(static_cast<uint32_t>(MonitorCall::kLeaveGate) ==
              BH_CALL_LEAVE_GATE);
static_assert(static_cast<uint32_t>(MonitorCall::kEnterHandler) ==
              BH_CALL_ENTER_HANDLER);
static_assert(static_cast<uint32_t>(MonitorCall::kLeaveHandler) ==
              BH_CALL_LEAVE_HANDLER);

bh_result Denied(ThreadRecord&, uint64_t, uint64_t, uint64_t, uint64_t) {
  return {0, BH_ERR_DENIED};
}

enum class Who { kAnyone, kNoSandbox };

constexpr bulkhead_monitor_call ForSandboxes(Who who,
                                             bulkhead_monitor_call call) {
  return who == Who::kAnyone ? call : Denied;
}

}  // namespace
}  // namespace bulkhead

const bulkhead_monitor_call bulkhead_monitor_calls[BH_MONITOR_CALLS] = {
#define BH_MONITOR_CALL(name, who, arguments) bulkhead::Monitor##name,
#include "isolation/arch/monitor_calls.inc"
#undef BH_MONITOR_CALL
    bulkhead::NoSuchCall,
};

const bulkhead_monitor_call
    bulkhead_monitor_calls_of_sandboxes[BH_MONITOR_CALLS] = {
#define BH_MONITOR_CALL(name, who, arguments) \
  bulkhead::ForSandboxes(bulkhead::Who::who, bulkhead::Monitor##name),
#include "isolation/arch/monitor_calls.inc"
#undef BH_MONITOR_CALL
        bulkhead::NoSuchCall,
};
