// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_stack.h"

#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/root_pages.h"

namespace bulkhead {
namespace {

// A frame with AVX-512 state takes 4 KiB; the symboliser's buffers the rest.
constexpr size_t kSignalStackBytes = size_t{64} << 10;

}  // namespace

bool EnsureSignalStack(ThreadRecord& record) {
  stack_t have = {};
  if (sys::SigAltStack(nullptr, &have) != 0) return false;
  if ((have.ss_flags & SS_DISABLE) == 0) return true;
  if (record.signal_stack == nullptr) {
    const long mapped = sys::Mmap(0, kSignalStackBytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
    if (sys::Failed(mapped)) return false;
    CloseRootPages({static_cast<uintptr_t>(mapped), kSignalStackBytes},
                   PROT_READ | PROT_WRITE);
    CallMonitor(record, MonitorCall::kSetSignalStack,
                static_cast<uint64_t>(mapped));
  }
  stack_t wanted = {};
  wanted.ss_sp = record.signal_stack;
  wanted.ss_size = kSignalStackBytes;
  return sys::SigAltStack(&wanted, nullptr) == 0;
}

}  // namespace bulkhead
