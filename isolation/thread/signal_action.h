// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the program wants done with signals. The kernel starts every handler
// that libc's functions install at Bulkhead's entry (isolation/arch/signal.S),
// which gives the thread its rights back; what to call then stands in a sealed
// table.
//
// A signal that comes while its thread is in the monitor is delivered when the
// monitor is left. As an entry begins all signals but faults are blocked, so
// that no second one finds it half done; it has the program's mask before the
// program's handler runs.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_ACTION_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_ACTION_H_

#include <signal.h>

#include "bulkhead/bulkhead.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {

inline constexpr int kSignals = 65;

// A handler as the program gave it; SIG_DFL and SIG_IGN too.
struct SignalAction {
  uintptr_t handler = 0;
  uint64_t flags = 0;
  uint64_t mask = 0;
  // The compartment that installed it, whose domain it runs in, by its handle;
  // 0 for the root.
  uint64_t owner = 0;
};

// Whose an action is, as MonitorCall::kSetAction is told.
enum class ActionOwner : uint64_t { kByCaller, kByRoot, kAsBefore };
inline constexpr unsigned kActionOwnerShift = 8;

// By signal; of those whose kernel handler is Bulkhead's entry.
extern SignalAction signal_actions[kSignals];

// Tries to answer a fault, of code in that domain or beyond it: true if the
// thread can go on, false if the fault is the program's. Set once at start, or
// nullptr.
using FaultHandler = bool (*)(siginfo_t& info, ucontext_t& context,
                              const InterruptedDomain& interrupted);
extern FaultHandler fault_handler;

// Calls the handler of `signal` in the domain of its owner, a compartment. Set
// once at start.
using HandlerCaller = bh_status (*)(bh_compartment owner, int signal,
                                    siginfo_t& info, ucontext_t& context);
extern HandlerCaller handler_caller;

// The kernel's handler of a signal; 0 if there is none, or Bulkhead's entry
// stands there.
uintptr_t ForeignHandler(int signal);

// Puts Bulkhead's entry in front of such a handler, if there is one, with these
// flags added; `in_place` is called then, or the handler itself if that is 0.
// Flags are added to an entry that stands there.
void AdoptHandler(int signal, uintptr_t in_place, uint64_t flags);
bool IsAdopted(int signal, uint64_t flags);

// Puts Bulkhead's entry in front of every handler that the program installed
// before Bulkhead started, by itself or by way of libc: it would run with
// rights of the kernel's choice, on whatever stack the monitor has. Dies if the
// kernel refuses. REQUIRES: no other thread of the process is in the monitor.
void AdoptHandlers();

// Has every handler that the program installed run on its thread's alternate
// stack, if it has one: it may interrupt code on a stack that it has no right
// to. Those installed once there has been a compartment do so, too.
void RequireHandlerStacks();

// Puts Bulkhead's entry in front of whatever handles SIGSEGV. Dies if the
// kernel refuses. Idempotent. Not thread-safe.
void WatchFaults();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_ACTION_H_
