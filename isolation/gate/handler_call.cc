// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/handler_call.h"

#include "isolation/domain/cages.h"
#include "isolation/gate/domain_gate.h"
#include "isolation/gate/page_gate.h"
#include "isolation/thread/signal_action.h"

namespace bulkhead {
namespace {

// A signal that was delivered, for a scope.
struct Delivery {
  int signal;
  siginfo_t& info;
  ucontext_t& context;
};

bh_status CallHandlerIn(bh_compartment owner, int signal, siginfo_t& info,
                        ucontext_t& context) {
  if (enforcement == Enforcement::kPku) {
    const uint64_t arguments[6] = {static_cast<uint64_t>(signal),
                                   reinterpret_cast<uintptr_t>(&info),
                                   reinterpret_cast<uintptr_t>(&context)};
    const auto* const gate =
        reinterpret_cast<const bh_gate*>(static_cast<uintptr_t>(signal));
    return static_cast<bh_status>(CallVault(owner, gate, arguments).status);
  }
  Delivery delivery = {signal, info, context};
  return ScopeByPages(
      owner,
      [](void* raw) {
        const auto& own = *static_cast<Delivery*>(raw);
        const uintptr_t handler = signal_actions[own.signal].handler;
        reinterpret_cast<void (*)(int, siginfo_t*, void*)>(handler)(
            own.signal, &own.info, &own.context);
      },
      &delivery);
}

}  // namespace

void RegisterHandlerCaller() { handler_caller = CallHandlerIn; }

}  // namespace bulkhead
