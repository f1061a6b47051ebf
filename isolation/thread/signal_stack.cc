// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_stack.h"

#include "isolation/domain/cages.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/root_pages.h"

namespace bulkhead {
namespace {

// Whether the kernel can write where the thread cannot.
bool MayHaveKernelStacks() {
  return enforcement == Enforcement::kPku && !IsModelled() &&
         Number(signal_frames_key) == Number(frames_key);
}

bool MakeSignalStack(ThreadRecord& record) {
  if (record.signal_stack != nullptr) return true;
  const long mapped = sys::Mmap(0, kSignalStackBytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
  if (sys::Failed(mapped)) return false;
  CloseRootPages({static_cast<uintptr_t>(mapped), kSignalStackBytes},
                 PROT_READ | PROT_WRITE);
  CallMonitor(record, MonitorCall::kSetSignalStack,
              static_cast<uint64_t>(mapped));
  return true;
}

bool GiveStackToKernel(uintptr_t begin, size_t bytes) {
  stack_t wanted = {};
  wanted.ss_sp = reinterpret_cast<void*>(begin);
  wanted.ss_size = bytes;
  return sys::SigAltStack(&wanted, nullptr) == 0;
}

bool UseKernelStack(ThreadRecord& record, const stack_t& before) {
  const uintptr_t stack =
      CallMonitor(record, MonitorCall::kMakeKernelStack).value;
  if (stack == 0) return false;
  if ((before.ss_flags & SS_ONSTACK) != 0) return true;
  // The kernel and the record change together, for the signals that come.
  const SignalsBlocked blocked;
  if (!GiveStackToKernel(stack, BH_KERNEL_STACK_BYTES)) return false;
  CallMonitor(record, MonitorCall::kSetAlternateStack,
              reinterpret_cast<uintptr_t>(before.ss_sp), before.ss_size,
              static_cast<uint64_t>(before.ss_flags));
  return true;
}

}  // namespace

bool EnsureSignalStack(ThreadRecord& record) {
  if (record.uses_kernel_stack) return true;
  stack_t have = {};
  if (sys::SigAltStack(nullptr, &have) != 0) return false;
  if (MayHaveKernelStacks()) {
    return MakeSignalStack(record) && UseKernelStack(record, have);
  }
  if ((have.ss_flags & SS_DISABLE) == 0) return true;
  return MakeSignalStack(record) &&
         GiveStackToKernel(reinterpret_cast<uintptr_t>(record.signal_stack),
                           kSignalStackBytes);
}

}  // namespace bulkhead
