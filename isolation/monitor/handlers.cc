// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A signal's handler and the domain that it interrupted. Where the kernel can
// write what the thread cannot, the handler gets a copy of the kernel's frame,
// with as much in it as the root's domain may know. What a frame that the
// program can write says of rights is nobody's word: the thread returns by
// another.

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/stacks.h"
#include "isolation/thread/current.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/signal_action.h"
#include "isolation/thread/signal_frame.h"
#include "isolation/thread/signal_stack.h"

namespace bulkhead {
namespace {

constexpr int kPkuError = 4;  // SEGV_PKUERR

// Takes what was noted of this handler, and of those within it that never
// returned. False: nothing was.
bool TakeInterrupted(ThreadRecord& record, uintptr_t context,
                     Interrupted& taken) {
  const Interrupted* all = InterruptedIn(record);
  for (uint32_t i = record.interruptions; i-- != 0;) {
    if (all[i].context != context) continue;
    taken = all[i];
    record.interruptions = i;
    return true;
  }
  return false;
}

// The rights of what was interrupted: the record's, where nothing else was
// noted; else as noted, in step with the record's if these have changed.
Pkru RightsOf(const ThreadRecord& record, bool is_noted,
              const Interrupted& noted) {
  if (!is_noted) return record.pkru;
  if (noted.refreshes == record.refreshes) return noted.pkru;
  CompartmentId id;
  // Those of the ways into the monitor are nobody's grant.
  if (!FindDomain(noted.pkru, noted.domain_pkru, noted.domain, id)) {
    return noted.pkru;
  }
  return id == noted.domain ? record.pkru
                            : record.pkru & Pkru{RowOf(id).open_mask};
}

bool IsOnKernelStack(const ThreadRecord& record, uintptr_t address) {
  return address - record.kernel_stack < BH_KERNEL_STACK_BYTES;
}

// Leaves whatever domain the thread is in for the root's, in which handlers
// run. False: it is there already.
bool EnterRoot(ThreadRecord& record) {
  if (record.current == kRoot) {
    NoteWholePkru(record);
    return false;
  }
  BULKHEAD_CHECK(record.depth < kAllFrames, "a thread's frame stack is full");
  const CompartmentId left = record.current;
  record.frames[record.depth++] = {record.pkru,
                                   left,
                                   left,
                                   kRoot,
                                   record.stacks[Index(left)],
                                   FrameKind::kHandler,
                                   record.fs_base,
                                   record.gate_fs,
                                   0};
  record.fs_next = record.thread_fs;
  SetDomain(record, RootRights(), kRoot);
  return true;
}

// A thread whose rights do not tell it its own record is older than the keys,
// or runs a handler that Bulkhead was not asked to install. It is the root's.
bool IsOlderThanKeys(const siginfo_t& info, Pkru pkru) {
  return info.si_signo == SIGSEGV && info.si_code == kPkuError &&
         Bits(pkru & Closed(metadata_key)) != 0;
}

bool IsTheRoots(uintptr_t address) {
  CompartmentId owner = kRoot;
  return !reservation.Contains(address) ||
         (FindOwner(address, owner) && owner == kRoot);
}

// How much of what it interrupted a handler in the root's domain is shown.
Seen WhatIsSeen(const ucontext_t& context, const siginfo_t& info,
                bool is_contained) {
  if (is_contained) return Seen::kAll;
  if (!IsFault(info)) return Seen::kStack;
  const auto stack = static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
  if (!IsTheRoots(stack)) return Seen::kFault;
  // Code on the root's stack keeps nothing from the root: a scope's. A gate may
  // have what a vault left in registers, but in those of its caller.
  return IsOnItsWay(context) ? Seen::kCaller : Seen::kAll;
}

// What began at this address or below on the same stack is gone.
void ForgetWithin(ThreadRecord& record, PageRange stack, uintptr_t context) {
  const Interrupted* all = InterruptedIn(record);
  while (record.interruptions != 0) {
    const uintptr_t last = all[record.interruptions - 1].context;
    if (last - stack.begin >= stack.bytes || last > context) return;
    --record.interruptions;
  }
}

uintptr_t KeptFrame(const ThreadRecord& record, uint32_t number) {
  return record.kernel_stack + BH_KERNEL_STACK_BYTES +
         number * KeptFrameBytes();
}

// Keeps the kernel's frame, which nobody changes but for what Bulkhead itself
// must: a thread that is being cancelled waits no more, and a way through the
// heap that was not finished begins again.
void Keep(ThreadRecord& record, const ucontext_t& context, int signal) {
  BULKHEAD_CHECK(record.interruptions < kMostInterrupted,
                 "too many handlers interrupt compartments within each other");
  ucontext_t& kept =
      KeepFrame(context, KeptFrame(record, record.interruptions));
  if (signal == kCancel) EndWait(kept);
  greg_t& counter = kept.uc_mcontext.gregs[REG_RIP];
  if (heap_hooks.begin_again != nullptr) {
    counter = static_cast<greg_t>(
        heap_hooks.begin_again(static_cast<uintptr_t>(counter)));
  }
}

// From the kernel's stack to one of the root's. Returns where the frame is.
uintptr_t Deliver(ThreadRecord& record, const ucontext_t& context, Seen seen,
                  const HandlerPlace& place) {
  const SignalStack shown = record.alternate;
  DeliverFrame(context, seen, shown, place, record.monitor_stack);
  if (shown.DisarmsItself()) record.alternate = {};
  record.handler_stack = place.stack;
  record.gate_fs = 0;
  return place.frame;
}

void Note(ThreadRecord& record, const Interrupted& noted) {
  BULKHEAD_CHECK(record.interruptions < kMostInterrupted,
                 "too many handlers interrupt compartments within each other");
  InterruptedIn(record)[record.interruptions++] = noted;
}

// The stack that the frame tells of becomes the program's once more, and the
// kernel's for a thread that was on its own when it was to become so.
void RestoreAlternate(ThreadRecord& record, const ucontext_t& context) {
  if (record.kernel_stack == 0) return;
  const stack_t said = context.uc_stack;
  const SignalStack before = {
      {reinterpret_cast<uintptr_t>(said.ss_sp), said.ss_size}, said.ss_flags};
  if (!record.uses_kernel_stack) {
    const auto stack =
        static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
    if (stack - before.memory.begin <= before.memory.bytes) return;
    record.uses_kernel_stack = true;
  }
  CheckAlternate(before);
  record.alternate = before;
}

// Gates are shut from a handler's start on; see SetHandlerStack.
void OpenGatesBehind(ThreadRecord& record, const ucontext_t& context) {
  const auto stack = static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
  const bool is_handlers =
      stack - record.handler_stack.begin < record.handler_stack.bytes;
  if (record.current == kRoot && !is_handlers && !signals_wait) {
    OpenGates(record);
  }
}

}  // namespace

bh_result MonitorMakeKernelStack(ThreadRecord& record, uint64_t, uint64_t,
                                 uint64_t, uint64_t) {
  if (record.kernel_stack == 0) {
    record.kernel_stack = AllocateKernelStack(
        BH_KERNEL_STACK_BYTES + kMostInterrupted * KeptFrameBytes());
  }
  return {record.kernel_stack, 0};
}

bh_result MonitorSetAlternateStack(ThreadRecord& record, uint64_t address,
                                   uint64_t bytes, uint64_t flags, uint64_t) {
  const SignalStack wanted = {{address, bytes}, static_cast<int>(flags)};
  CheckAlternate(wanted);
  record.alternate = wanted;
  record.uses_kernel_stack = record.kernel_stack != 0;
  return {};
}

// For a handler that does not return to what it interrupted.
bh_result MonitorLeaveAll(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(record.caller == kRoot,
                 "a compartment wanted to leave for the root's domain");
  record.fs_next = record.thread_fs;
  LeaveCompartments(record);
  return {};
}

// The value is where the handler's frame is, the status 1 if the thread has
// left a domain for the root's.
bh_result MonitorEnterHandler(ThreadRecord& record, uint64_t address, uint64_t,
                              uint64_t, uint64_t) {
  const bool is_kernels = IsOnKernelStack(record, address);
  BULKHEAD_CHECK(is_kernels || !record.uses_kernel_stack,
                 "a signal came on another stack than Bulkhead's: something "
                 "has called sigaltstack past libc");
  if (!is_kernels) CheckFrameIsTheRoots(address);
  const auto& context = *reinterpret_cast<const ucontext_t*>(address);
  auto& info = *reinterpret_cast<siginfo_t*>(address + BH_CONTEXT_BYTES);
  const int signal = info.si_signo;
  BULKHEAD_CHECK(signal > 0 && signal < kSignals,
                 "a signal's frame was taken before, or is none");

  Interrupted noted;
  noted.domain_pkru = record.pkru;
  noted.domain = record.current;
  noted.refreshes = record.refreshes;
  noted.has_pushed = EnterRoot(record);
  const Pkru pkru = RightsInFrame(context, is_kernels);
  noted.pkru = IsOlderThanKeys(info, pkru) ? record.pkru : pkru;

  uintptr_t frame = address - BH_FRAME_CONTEXT;
  if (is_kernels) {
    // The root's domain opens whatever was open.
    const bool is_contained =
        Bits(record.pkru & ~noted.pkru) == 0 && !IsOnItsWay(context);
    const HandlerPlace place = PlaceForHandler(record, context);
    noted.context = place.frame + BH_FRAME_CONTEXT;
    ForgetWithin(record, place.stack, noted.context);
    noted.is_kept = !is_contained;
    if (noted.is_kept) Keep(record, context, signal);
    frame = Deliver(record, context, WhatIsSeen(context, info, is_contained),
                    place);
    info.si_signo = 0;
  } else {
    noted.context = address;
    ForgetWithin(record, {0, ~uintptr_t{0}}, address);
  }
  if (noted.is_kept || noted.has_pushed || noted.pkru != noted.domain_pkru) {
    const auto stack =
        static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
    KeepInterruptedStack(record, stack, noted.stood_on, noted.stack);
    Note(record, noted);
  }
  return {frame, noted.has_pushed ? uint64_t{1} : 0};
}

// The value is where the frame to return by is, for the stack pointer.
bh_result MonitorLeaveHandler(ThreadRecord& record, uint64_t address, uint64_t,
                              uint64_t, uint64_t) {
  Interrupted noted;
  const bool is_noted = TakeInterrupted(record, address, noted);
  if (is_noted && noted.stack != 0) {
    record.stacks[Index(noted.stood_on)] = noted.stack;
  }
  if (is_noted && noted.has_pushed) PopFrame(record, FrameKind::kHandler);
  CheckFrameIsTheRoots(address);
  const ucontext_t context = CopyOfContext(address);
  RestoreAlternate(record, context);
  OpenGatesBehind(record, context);
  const Pkru rights = RightsOf(record, is_noted, noted);
  if (is_noted && noted.is_kept) {
    return {UseKeptFrame(KeptFrame(record, record.interruptions), rights), 0};
  }
  return {RebuildFrame(context, record.monitor_stack, rights,
                       record.uses_kernel_stack ? record.kernel_stack : 0),
          0};
}

}  // namespace bulkhead
