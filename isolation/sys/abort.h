// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// abort() without libc.

#ifndef BULKHEAD_ISOLATION_SYS_ABORT_H_
#define BULKHEAD_ISOLATION_SYS_ABORT_H_

#include <signal.h>

#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace sys {

// Ends the process by SIGABRT: by the program's handler for it if there is one
// and it does not return, otherwise by the kernel's. Signal-safe.
[[noreturn]] inline void Abort() {
  // As the kernel has it: handler, flags, restorer, mask.
  const uint64_t by_default[4] = {};
  const uint64_t only_abort = uint64_t{1} << (SIGABRT - 1);
  const auto raise = [&] {
    Call(SYS_rt_sigprocmask, SIG_UNBLOCK, Word(&only_abort), 0,
         sizeof(only_abort));
    TgKill(GetPid(), GetTid(), SIGABRT);
  };
  raise();
  Call(SYS_rt_sigaction, SIGABRT, Word(by_default), 0, sizeof(only_abort));
  // Within the monitor the handler was put off, with all signals blocked.
  raise();
  for (;;) Call(SYS_exit_group, 127);
}

}  // namespace sys
}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SYS_ABORT_H_
