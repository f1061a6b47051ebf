// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// longjmp() and its like, wrapped. A jump within what runs in one domain is
// libc's. One out of a vault, or out of a scope, unwinds to the frame that
// called setjmp(): so every gate on the way is left, and destructors run, which
// C++ leaves open. One out of a sandbox is a violation, and so is one past it
// from what it called. One out of a signal's handler gives up whatever was
// interrupted.

#include <setjmp.h>
#include <ucontext.h>

#include <cstdint>

#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/libc/forward.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/current.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/unwind/leave.h"

extern "C" {
[[noreturn]] void __longjmp_chk(jmp_buf environment, int value);
}

namespace bulkhead {
namespace {

using LibcsJump = void(__jmp_buf_tag*, int);

// The stack pointer that the jump restores. glibc's x86-64: the word is rotated
// and combined with one of the thread control block.
uintptr_t TargetOf(const __jmp_buf_tag& environment) {
  constexpr int kStackPointer = 6;
  constexpr int kRotated = 17;
  uintptr_t guard;
  __asm__("mov %%fs:0x30, %0" : "=r"(guard));
  const auto word = static_cast<uintptr_t>(environment.__jmpbuf[kStackPointer]);
  return (word >> kRotated | word << (64 - kRotated)) ^ guard;
}

bool IsIn(PageRange range, uintptr_t address) {
  return address - range.begin < range.bytes;
}

// The thread's whole stack in the compartment.
PageRange StackIn(const ThreadRecord& record, CompartmentId id) {
  const uintptr_t end = record.stack_ends[Index(id)];
  const size_t bytes = end == 0 ? 0 : RowOf(id).traits.stack_bytes;
  return {end - bytes, bytes};
}

// The compartment on whose stack the address lies, as far as this thread is
// concerned; the root otherwise. Stacks lie in cages of their compartment, so
// that an address tells whose to look at.
CompartmentId WhoseStack(const ThreadRecord& record, uintptr_t address) {
  CompartmentId owner = kRoot;
  if (!FindOwner(address, owner) || owner == kRoot) return kRoot;
  return IsIn(StackIn(record, owner), address) ? owner : kRoot;
}

// Whether the address lies on what the compartment that runs has of its own to
// jump to: its stack as far as this visit goes, or a stack in its heap.
bool IsOwn(const ThreadRecord& record, CompartmentId current,
           uintptr_t address) {
  if (IsIn(StackIn(record, current), address)) {
    return address < record.stacks[Index(current)];
  }
  CompartmentId owner = kRoot;
  return FindOwner(address, owner) && owner == current;
}

// Reports a jump that would pass what called the root's code: only its gate
// leads back to a sandbox, and what a handler interrupted goes on by itself.
void RefuseWayPast(const ThreadRecord& record, uintptr_t target) {
  if (WhoseStack(record, target) != kRoot ||
      (WasCalledBack(record) && target >= record.stacks[Index(kRoot)])) {
    ReportJump(target);
  }
}

// Has the calling thread, in the root's domain, ready for a jump to `target`.
void PrepareInRoot(ThreadRecord& record, uintptr_t target) {
  RefuseWayPast(record, target);
  if (IsOnHandlerStack(record) && !IsIn(record.handler_stack, target)) {
    if (WasCalledBack(record)) ReportJump(target);
    CallMonitor(record, MonitorCall::kLeaveAll);
    // Blocked where the handler had interrupted a gate, which is given up.
    sys::UnblockSignals(SignalBit(kChangeUser));
  }
}

// The same in any domain. False: there are gates to be left first, or a scope
// may have been opened since.
bool Prepare(uintptr_t target) {
  if (!HasHadCompartments()) return true;
  ThreadRecord* record = FindOwnRecord();
  if (record == nullptr) return true;
  const CompartmentId current = CurrentCompartment(*record);
  if (current == kRoot) {
    PrepareInRoot(*record, target);
    return true;
  }
  if (IsOwn(*record, current, target)) return true;
  if (IsConfined(*record)) ReportJump(target);
  return false;
}

// In the words: the environment, and libc's function.
void Arrive(const Goal& goal, uintptr_t gate_stack) {
  ThreadRecord& record = *CurrentRecord();
  const bool is_in_root = CurrentCompartment(record) == kRoot;
  if (is_in_root) RefuseWayPast(record, goal.address);
  const bool is_before_gate =
      goal.address <= gate_stack &&
      WhoseStack(record, gate_stack) == WhoseStack(record, goal.address);
  if (gate_stack == 0 ? !is_in_root : !is_before_gate) return;
  if (is_in_root) PrepareInRoot(record, goal.address);
  reinterpret_cast<LibcsJump*>(goal.words[1])(
      reinterpret_cast<__jmp_buf_tag*>(goal.words[0]), goal.value);
}

[[noreturn]] void Jump(__jmp_buf_tag* environment, int value,
                       LibcsJump* libcs) {
  const uintptr_t target = TargetOf(*environment);
  if (Prepare(target)) {
    libcs(environment, value);
    __builtin_unreachable();
  }
  LeaveGates({Arrive,
              {reinterpret_cast<uintptr_t>(environment),
               reinterpret_cast<uintptr_t>(libcs)},
              value,
              target});
}

// A context to go on with must be the running domain's own.
void CheckContext(const ucontext_t& wanted) {
  const auto target = static_cast<uintptr_t>(wanted.uc_mcontext.gregs[REG_RSP]);
  if (!Prepare(target)) ReportJump(target);
}

}  // namespace
}  // namespace bulkhead

#define BULKHEAD_JUMPS(name)                                         \
  BULKHEAD_SERVES void name(__jmp_buf_tag* environment, int value) { \
    ::bulkhead::Jump(environment, value, BULKHEAD_LIBCS(name));      \
  }
BULKHEAD_JUMPS(longjmp)
BULKHEAD_JUMPS(_longjmp)
BULKHEAD_JUMPS(siglongjmp)
BULKHEAD_JUMPS(__longjmp_chk)

BULKHEAD_SERVES int setcontext(const ucontext_t* wanted) {
  bulkhead::CheckContext(*wanted);
  return BULKHEAD_LIBCS(setcontext)(wanted);
}

BULKHEAD_SERVES int swapcontext(ucontext_t* left, const ucontext_t* wanted) {
  bulkhead::CheckContext(*wanted);
  return BULKHEAD_LIBCS(swapcontext)(left, wanted);
}
