// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/libc_signals.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/change_of_rights.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/remembered.h"
#include "isolation/thread/signal_action.h"

namespace bulkhead {
namespace {

using Handler = void (*)(int, siginfo_t*, void*);

// Whether the interrupted code runs on a compartment's stack, which this
// handler has no right to.
bool IsInVault(const ucontext_t& context) {
  CompartmentId owner;
  return enforcement == Enforcement::kPku &&
         FindOwner(static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]),
                   owner) &&
         owner != kRoot;
}

// In place of libc's handler, which unwinds from where it is. A thread in a
// vault is only told: its wait ends, and it is cancelled at the next point
// where it can be, in the vault or outside.
void CancelThread(int signal, siginfo_t* info, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  const auto handler =
      reinterpret_cast<Handler>(Recall(Remembered::kCancelHandler));
  const bool in_vault = IsInVault(context);
  if (in_vault) pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, nullptr);
  handler(signal, info, &context);
  // Where the handler is not to change it, the monitor has.
  if (in_vault && !IsHidden(context)) EndWait(context);
}

// In place of libc's handler: the signal has two senders.
void ChangeUserOrRights(int signal, siginfo_t* info, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  if (IsChangeOfRights(*info)) {
    ChangeRights(context);
    return;
  }
  const auto handler =
      reinterpret_cast<Handler>(Recall(Remembered::kUserHandler));
  if (handler != nullptr) handler(signal, info, &context);
}

// A thread inside a compartment has no other stack for a handler.
uint64_t NeededFlags() { return HasHadCompartments() ? SA_ONSTACK : 0; }

}  // namespace

void AdoptUserHandler() {
  const uint64_t flags = NeededFlags();
  if (IsAdopted(kChangeUser, flags)) return;
  const uintptr_t handler = ForeignHandler(kChangeUser);
  if (handler != 0) Remember(Remembered::kUserHandler, handler);
  AdoptHandler(kChangeUser, reinterpret_cast<uintptr_t>(&ChangeUserOrRights),
               flags);
}

void AdoptCancelHandler() {
  const uint64_t flags = NeededFlags();
  if (IsAdopted(kCancel, flags)) return;
  const uintptr_t handler = ForeignHandler(kCancel);
  if (handler != 0) Remember(Remembered::kCancelHandler, handler);
  AdoptHandler(kCancel, reinterpret_cast<uintptr_t>(&CancelThread), flags);
}

}  // namespace bulkhead
