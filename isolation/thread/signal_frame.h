// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the kernel writes for a signal's handler: what it interrupted, and what
// the thread gets back when the handler returns.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_

#include <signal.h>
#include <ucontext.h>

#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The frame's PKRU. False: it has none.
bool InterruptedPkru(const ucontext_t& context, Pkru& pkru);
void SetInterruptedPkru(ucontext_t& context, Pkru pkru);

// Whether the signal tells of a fault of the code that it interrupted.
bool IsFault(const siginfo_t& info);

// Whether the interrupted code is a way into the monitor, out of it, or through
// a gate, where rights stand in registers already or are about to be compared.
bool IsOnItsWay(const ucontext_t& context);

// Makes a system call that would be made once more after the signal fail with
// EINTR. libc has the signal sent only to a thread that is in such a call, or
// that asked to be cancelled anywhere.
void EndWait(ucontext_t& context);

// The domain that the record told of before the handler that asks began.
// `entered`: the handler has left it for the root's, and pushed a frame.
struct InterruptedDomain {
  InterruptedDomain() = default;
  InterruptedDomain(const ThreadRecord& record, bool entered);

  Pkru pkru{0};
  CompartmentId current = kRoot;
};

// What code uses below its stack pointer (System V ABI for x86-64).
inline constexpr uintptr_t kRedZone = 128;

// How much of the registers a handler sees.
enum class Seen {
  kStack,   // the stack pointer; and where the code is, if it is on its way
  kFault,   // where the code is as well, and what was wrong there
  kCaller,  // the same, and the callee-saved registers
  kAll
};
inline bool IsHidden(const ucontext_t& context) {
  return context.uc_mcontext.gregs[REG_RIP] == 0;
}

// Where a handler starts: on a stack of the root's.
struct HandlerPlace {
  PageRange stack;
  uintptr_t frame;  // the stack pointer there
  uintptr_t area;   // of the extended registers
};

// Finds out what frames look like on this machine. Once, at start.
void LearnFrames();

// All below run in the monitor, and end the process where a frame is not as the
// kernel writes it, or names memory of Bulkhead's: something has overwritten
// it. `context` is the kernel's, of BH_CONTEXT_BYTES.

// That a frame with its context at `address` lies in the root's memory.
void CheckFrameIsTheRoots(uintptr_t address);
// That such a stack does, unless it is none.
void CheckAlternate(const SignalStack& stack);

// The frame's owned bits of PKRU. `is_kernels`: nobody else could write to it.
Pkru RightsInFrame(const ucontext_t& context, bool is_kernels);

// Loads once what the handler may have changed.
ucontext_t CopyOfContext(uintptr_t address);

// On the stack that the program has said, or on Bulkhead's, below what was
// interrupted if that is there.
HandlerPlace PlaceForHandler(const ThreadRecord& record,
                             const ucontext_t& context);

// Copies the kernel's frame to `place`, as far as it may be `seen`, by way of
// `staging`, of BH_SIGNAL_FRAME_BYTES.
void DeliverFrame(const ucontext_t& context, Seen seen,
                  const SignalStack& shown, const HandlerPlace& place,
                  uintptr_t staging);

// Copies the kernel's frame to `kept`, of KeptFrameBytes(), to return by later.
size_t KeptFrameBytes();
ucontext_t& KeepFrame(const ucontext_t& context, uintptr_t kept);

// Has a kept frame return with `rights` to what is Bulkhead's. Returns where
// the stack pointer must be for that.
uintptr_t UseKeptFrame(uintptr_t kept, Pkru rights);

// The same for a frame made at `place`, of BH_SIGNAL_FRAME_BYTES, that returns
// to what a context of the root's says. `kernel_stack`: where handlers will
// start then, or 0 for where the context says.
uintptr_t RebuildFrame(const ucontext_t& context, uintptr_t place, Pkru rights,
                       uintptr_t kernel_stack);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_
