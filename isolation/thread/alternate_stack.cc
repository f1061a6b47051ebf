// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// sigaltstack(), which tells Bulkhead once the kernel has a stack of Bulkhead's
// (signal_stack.h). What it answers is what the kernel would.

#include <errno.h>
#include <signal.h>

#include "bulkhead/bulkhead.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

// The kernel's MINSIGSTKSZ; glibc's is a question to the system.
constexpr size_t kSmallest = 2048;
constexpr int kAutoDisarm = SignalStack::kAutoDisarm;

bool IsOn(const SignalStack& stack) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return stack.IsThere() && !stack.DisarmsItself() &&
         here - stack.memory.begin < stack.memory.bytes;
}

// Handlers run in the root's domain.
bool IsTheRoots(const stack_t& stack) {
  const auto is_others = [](uintptr_t address) {
    CompartmentId owner = kRoot;
    return reservation.Contains(address) &&
           (!FindOwner(address, owner) || owner != kRoot);
  };
  const auto begin = reinterpret_cast<uintptr_t>(stack.ss_sp);
  return begin + stack.ss_size > begin && !is_others(begin) &&
         !is_others(begin + stack.ss_size - 1);
}

long Change(ThreadRecord& record, const stack_t& wanted) {
  if (IsOn(record.alternate)) return -EPERM;
  const int mode = wanted.ss_flags & ~kAutoDisarm;
  if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE) return -EINVAL;
  if (mode == SS_DISABLE) {
    CallMonitor(record, MonitorCall::kSetAlternateStack, 0, 0,
                static_cast<uint64_t>(wanted.ss_flags));
    return 0;
  }
  if (wanted.ss_size < kSmallest) return -ENOMEM;
  if (!IsTheRoots(wanted)) return -EPERM;
  CallMonitor(record, MonitorCall::kSetAlternateStack,
              reinterpret_cast<uintptr_t>(wanted.ss_sp), wanted.ss_size,
              static_cast<uint64_t>(wanted.ss_flags & kAutoDisarm));
  return 0;
}

void Tell(const SignalStack& stack, stack_t& old) {
  old.ss_sp = reinterpret_cast<void*>(stack.memory.begin);
  old.ss_size = stack.memory.bytes;
  old.ss_flags = !stack.IsThere()
                     ? SS_DISABLE
                     : stack.flags | (IsOn(stack) ? SS_ONSTACK : 0);
}

long Serve(const stack_t* wanted, stack_t* old) {
  ThreadRecord* record = FindOwnRecord();
  if (record == nullptr || !record->uses_kernel_stack) {
    return sys::SigAltStack(wanted, old);
  }
  // As for actions: where a handler runs is the whole thread's.
  if (wanted != nullptr && RunsInSandbox()) return -EPERM;
  const SignalStack before = record->alternate;
  if (wanted != nullptr) {
    const long result = Change(*record, *wanted);
    if (result != 0) return result;
  }
  if (old != nullptr) Tell(before, *old);
  return 0;
}

}  // namespace
}  // namespace bulkhead

extern "C" BULKHEAD_API int sigaltstack(const stack_t* wanted,
                                        stack_t* old) noexcept {
  const long result = bulkhead::Serve(wanted, old);
  if (result == 0) return 0;
  errno = static_cast<int>(-result);
  return -1;
}
