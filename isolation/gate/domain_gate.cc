// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/domain_gate.h"

#include "isolation/arch/monitor.h"
#include "isolation/domain/cages.h"
#include "isolation/gate/domain_frame.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/process.h"
#include "isolation/sandbox/bind.h"
#include "isolation/sandbox/tls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/root_memory.h"

namespace bulkhead {
namespace {

bh_result Enter(const ThreadRecord& record, MonitorCall number,
                bh_compartment compartment, const bh_gate* gate,
                const uint64_t arguments[6]) {
  const uint64_t call = static_cast<uint64_t>(number) |
                        uint64_t{Index(CompartmentBeyond(record))} << 32;
  const auto enter = [&] {
    return bulkhead_domain_call(call, AsNumber(compartment), gate, arguments);
  };
  if (!MustBlockSignals(record)) return enter();
  bh_result result = {};
  WithSignalsBlocked([&] { result = enter(); });
  return result;
}

}  // namespace

bh_status MakeHome(ThreadRecord& record, bh_compartment compartment) {
  if (record.stacks[compartment.id] != 0) return BH_OK;
  TlsPlan* plan = MakeTlsPlan();
  if (plan == nullptr) return BH_ERR_NO_MEMORY;
  bool is_new = false;
  bh_status status =
      PrepareSandboxThread(record, CompartmentId{compartment.id},
                           plan->bytes_below, plan->bytes_above, is_new);
  if (status == BH_OK && is_new) {
    const uint64_t arguments[6] = {reinterpret_cast<uintptr_t>(plan)};
    status = static_cast<bh_status>(Enter(record, MonitorCall::kEnterSandbox,
                                          compartment, nullptr, arguments)
                                        .status);
  }
  DropTlsPlan(plan);
  return status;
}

bh_result CallVault(bh_compartment compartment, const bh_gate* gate,
                    const uint64_t arguments[6]) {
  ThreadRecord& record = *CurrentRecord();
  for (;;) {
    const bh_result result =
        Enter(record, MonitorCall::kEnterVault, compartment, gate, arguments);
    if (result.status != BH_GATE_NO_STACK) return result;
    const bh_status status =
        PrepareThread(record, CompartmentId{compartment.id});
    if (status != BH_OK) return {0, static_cast<uint64_t>(status)};
  }
}

bh_result CallSandbox(bh_compartment compartment, const bh_gate* gate,
                      const uint64_t arguments[6]) {
  ThreadRecord& record = *CurrentRecord();
  for (;;) {
    const bh_result result =
        Enter(record, MonitorCall::kEnterSandbox, compartment, gate, arguments);
    if (result.status != BH_GATE_NO_STACK) return result;
    const bh_status status = MakeHome(record, compartment);
    if (status != BH_OK) return {0, static_cast<uint64_t>(status)};
  }
}

bh_result CallRoot(const bh_gate* gate, const uint64_t arguments[6]) {
  return Enter(*CurrentRecord(), MonitorCall::kCallRoot, {0, 0}, gate,
               arguments);
}

bh_status AllowCallback(bh_compartment sandbox, const bh_gate* gate) {
  return static_cast<bh_status>(
      CallMonitor(*CurrentRecord(), MonitorCall::kAllow, AsNumber(sandbox),
                  reinterpret_cast<uintptr_t>(gate))
          .status);
}

bh_status PrepareForSandboxes() {
  if (!MayHaveSandboxes()) return BH_ERR_LEVEL;
  if (IsConfined(*CurrentRecord())) return BH_ERR_DENIED;
  // Another thread may do the same at the same time.
  while (!is_root_closed) {
    BindFunctions();
    CallMonitor(*CurrentRecord(), MonitorCall::kCloseRoot, 0);
    // Where keys are modelled, nothing is closed.
    if (!IsModelled()) CloseRootMappings();
    CallMonitor(*CurrentRecord(), MonitorCall::kCloseRoot, 1);
  }
  return BH_OK;
}

}  // namespace bulkhead
