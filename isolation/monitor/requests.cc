// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The callers' side of compartments.h.

#include "isolation/domain/heap_hooks.h"
#include "isolation/monitor/annotations.h"
#include "isolation/monitor/compartments.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/signal_action.h"
#include "isolation/thread/signal_stack.h"

namespace bulkhead {
namespace {

constexpr unsigned kSwitchBits = 8;

bool IsSwitch(uint64_t value) {
  return value == BH_DEFAULT || value == BH_ON || value == BH_OFF;
}

// The name in words, zeros behind it. False: it is too long.
bool PackName(const char* name, uint64_t (&words)[kNameBytes / 8]) {
  char text[kNameBytes] = {};
  for (size_t i = 0; name[i] != '\0'; ++i) {
    if (i + 1 == kNameBytes) return false;
    text[i] = name[i];
  }
  __builtin_memcpy(words, text, sizeof(words));
  return true;
}

bh_status Status(bh_result result) {
  return static_cast<bh_status>(result.status);
}

bool KindOf(bh_kind given, Kind& kind) {
  switch (given) {
    case BH_KIND_VAULT:
      kind = Kind::kVault;
      return true;
    case BH_KIND_SANDBOX:
      kind = Kind::kSandbox;
      return true;
    case BH_KIND_RELAXED_SANDBOX:
      kind = Kind::kRelaxedSandbox;
      return true;
  }
  return false;
}

bh_status Create(const char* name, const bh_options& options,
                 const Switches& switches, const bh_gate* gates,
                 const bh_gate* gates_end, bh_compartment& created) {
  uint64_t words[kNameBytes / 8];
  if (name == nullptr || !PackName(name, words)) return BH_ERR_NAME;
  if (sys::Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) {
    return BH_ERR_KERNEL;
  }
  ThreadRecord& record = *CurrentRecord();
  if (IsConfined(record)) return BH_ERR_DENIED;
  WatchFaults();
  CallMonitor(record, MonitorCall::kName, words[0], words[1], words[2],
              words[3]);
  CallMonitor(record, MonitorCall::kQuotas, options.most_bytes,
              options.most_threads);
  const bh_result result =
      CallMonitor(record, MonitorCall::kCreate, options.stack_bytes,
                  PackSwitches(switches), reinterpret_cast<uintptr_t>(gates),
                  reinterpret_cast<uintptr_t>(gates_end));
  if (result.status != BH_OK) return Status(result);
  const bh_status tagged = TagVariablesOf(name, AsHandle(result.value));
  if (tagged == BH_OK) {
    created = AsHandle(result.value);
    return BH_OK;
  }
  DestroyCompartment(AsHandle(result.value));
  return tagged;
}

}  // namespace

uint64_t PackSwitches(const Switches& switches) {
  return switches.wipe | uint64_t{switches.lock} << kSwitchBits |
         uint64_t{switches.wipe_on_fork} << 2 * kSwitchBits |
         uint64_t{switches.scopes} << 3 * kSwitchBits |
         uint64_t{switches.grants} << 4 * kSwitchBits |
         static_cast<uint64_t>(switches.kind) << 5 * kSwitchBits;
}

bool UnpackSwitches(uint64_t word, Switches& switches) {
  uint32_t* const fields[] = {&switches.wipe, &switches.lock,
                              &switches.wipe_on_fork, &switches.scopes,
                              &switches.grants};
  for (uint32_t* field : fields) {
    const uint64_t value = word & ((1u << kSwitchBits) - 1);
    if (!IsSwitch(value)) return false;
    *field = static_cast<uint32_t>(value);
    word >>= kSwitchBits;
  }
  switches.kind = static_cast<Kind>(word);
  return word <= static_cast<uint64_t>(Kind::kShared);
}

bh_status CreateCompartment(const char* name, const bh_options& options,
                            const bh_gate* gates, const bh_gate* gates_end,
                            bh_compartment& created) {
  if (heap_hooks.create == nullptr) return BH_ERR_NO_ALLOCATOR;
  Kind kind;
  if (!KindOf(options.kind, kind)) return BH_ERR_OPTIONS;
  const bh_switch given[] = {options.wipe, options.lock, options.wipe_on_fork,
                             options.scopes, options.grants};
  for (const bh_switch value : given) {
    if (!IsSwitch(static_cast<uint64_t>(value))) return BH_ERR_OPTIONS;
  }
  const Switches switches = {kind,
                             static_cast<uint32_t>(options.wipe),
                             static_cast<uint32_t>(options.lock),
                             static_cast<uint32_t>(options.wipe_on_fork),
                             static_cast<uint32_t>(options.scopes),
                             static_cast<uint32_t>(options.grants)};
  return Create(name, options, switches, gates, gates_end, created);
}

bh_status FindShared(bh_compartment& shared) {
  if (heap_hooks.create == nullptr) return BH_ERR_NO_ALLOCATOR;
  if (enforcement != Enforcement::kPku) return BH_ERR_LEVEL;
  Switches switches;
  switches.kind = Kind::kShared;
  const bh_status status =
      Create(kSharedName, {}, switches, nullptr, nullptr, shared);
  if (status != BH_ERR_NAME_TAKEN && status != BH_ERR_DENIED) return status;
  const CompartmentRow* row = FindByName(kSharedName);
  if (row == nullptr || row->traits.kind != Kind::kShared) return status;
  shared = HandleOf(*row);
  return BH_OK;
}

bh_status DestroyCompartment(bh_compartment compartment) {
  return Status(CallMonitor(*CurrentRecord(), MonitorCall::kDestroy,
                            compartment.id, compartment.generation));
}

bh_status PrepareThread(ThreadRecord& record, CompartmentId id) {
  if (record.stacks[Index(id)] != 0) return BH_OK;
  if (!EnsureSignalStack(record)) return BH_ERR_KERNEL;
  return Status(CallMonitor(record, MonitorCall::kPrepareThread, Index(id)));
}

bh_status PrepareSandboxThread(ThreadRecord& record, CompartmentId id,
                               size_t bytes_below, size_t bytes_above,
                               bool& is_new) {
  if (!EnsureSignalStack(record)) return BH_ERR_KERNEL;
  const bh_result result = CallMonitor(record, MonitorCall::kPrepareThread,
                                       Index(id), bytes_below, bytes_above);
  is_new = result.value != 0;
  return Status(result);
}

void AwaitCompartments(ThreadRecord& record) {
  CallMonitor(record, MonitorCall::kAwait);
}

}  // namespace bulkhead
