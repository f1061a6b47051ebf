// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/handler_stack.h"

#include "isolation/base/sealed.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {

constinit BULKHEAD_CONSTANT_AFTER_START bool signals_wait = false;

void NoteHandlerStack(const ucontext_t& context) {
  const PageRange stack = {reinterpret_cast<uintptr_t>(context.uc_stack.ss_sp),
                           context.uc_stack.ss_size};
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if ((context.uc_stack.ss_flags & SS_DISABLE) != 0 ||
      here - stack.begin >= stack.bytes) {
    return;
  }
  // A thread that has no record yet gets one: it may call the monitor from the
  // handler.
  ThreadRecord* record = FindOwnRecord();
  if (record == nullptr) record = AttachThread();
  if (record->handler_stack.begin == stack.begin &&
      record->handler_stack.bytes == stack.bytes && record->gate_fs == 0) {
    return;
  }
  CallMonitor(*record, MonitorCall::kSetHandlerStack, stack.begin, stack.bytes);
}

}  // namespace bulkhead
