// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/change_of_rights.h"

#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {
namespace {

// Its address tells these signals from others.
const char mark = 0;

}  // namespace

long SendChangeOfRights(int tid) {
  siginfo_t info = {};
  info.si_signo = kChangeUser;
  info.si_code = SI_QUEUE;
  info.si_pid = sys::GetPid();
  info.si_value.sival_ptr = const_cast<char*>(&mark);
  return sys::QueueSignal(info.si_pid, tid, kChangeUser, &info);
}

bool IsChangeOfRights(const siginfo_t& info) {
  return info.si_code == SI_QUEUE && info.si_pid == sys::GetPid() &&
         info.si_value.sival_ptr == &mark;
}

void ChangeRights(const ucontext_t& context) {
  if (IsOnItsWay(context)) return;
  CallMonitor(*CurrentRecord(), MonitorCall::kRefreshRights);
}

}  // namespace bulkhead
