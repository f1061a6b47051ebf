// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls onto other stacks out of a signal handler that runs on its thread's
// alternate stack. The kernel tells by the stack pointer alone whether that one
// is in use: were the next signal to come on the monitor's stack or on a
// compartment's, it would start at the top of the alternate stack, over the
// frames of the handler. So signals are blocked meanwhile; and elsewhere too,
// where the process wants that.

#ifndef BULKHEAD_ISOLATION_THREAD_HANDLER_STACK_H_
#define BULKHEAD_ISOLATION_THREAD_HANDLER_STACK_H_

#include <signal.h>

#include <cstdint>

#include "isolation/sys/syscalls.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

constexpr uint64_t SignalBit(int signal) { return uint64_t{1} << (signal - 1); }

// libc's own: glibc's, below SIGRTMIN (nptl/pthreadP.h).
inline constexpr int kCancel = 32;
inline constexpr int kChangeUser = 33;

// Every signal but those that a fault causes, which cannot wait.
inline constexpr uint64_t kAllButFaults =
    ~(SignalBit(SIGSEGV) | SignalBit(SIGBUS) | SignalBit(SIGFPE) |
      SignalBit(SIGILL) | SignalBit(SIGTRAP));

// Blocks them in the calling thread for as long as it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() { sys::SetSignalMask(&kAllButFaults, &before_); }
  ~SignalsBlocked() { sys::SetSignalMask(&before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  uint64_t before_ = 0;
};

// Whether the thread of `record`, the caller, runs on an alternate stack that a
// handler was seen on. Signal-safe.
inline bool IsOnHandlerStack(const ThreadRecord& record) {
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return here - record.handler_stack.begin < record.handler_stack.bytes;
}

// Whether signals wait while a thread is in a compartment or in the monitor, as
// the option signals=strict asks where there are keys. Set once at start.
extern bool signals_wait;

// Whether signals must be blocked while the thread of `record`, the caller, is
// on another stack than its own.
inline bool MustBlockSignals(const ThreadRecord& record) {
  return signals_wait || IsOnHandlerStack(record);
}

// Puts down in the thread's record which alternate stack its handler runs on,
// if on one. REQUIRES: called by the handler, with signals blocked as above;
// the thread is not in the monitor.
void NoteHandlerStack(const ucontext_t& context);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_HANDLER_STACK_H_
