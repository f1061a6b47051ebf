// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The rights of the code that a signal interrupted, which it gets back from the
// frame that the kernel wrote.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_

#include <ucontext.h>

#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The frame's PKRU. False: it has none.
bool InterruptedPkru(const ucontext_t& context, Pkru& pkru);
void SetInterruptedPkru(ucontext_t& context, Pkru pkru);

// Whether the interrupted code is a way into the monitor, out of it, or through
// a gate, where rights stand in registers already or are about to be compared.
bool IsOnItsWay(const ucontext_t& context);

// The domain that the record told of before the handler that asks began.
// `entered`: the handler has left it for the root's, and pushed a frame.
struct InterruptedDomain {
  InterruptedDomain() = default;
  InterruptedDomain(const ThreadRecord& record, bool entered);

  Pkru pkru{0};
  CompartmentId current = kRoot;
};

// Finds out what frames look like on this machine. Once, at start.
void LearnFrames();

// Makes at `place`, of BH_SIGNAL_FRAME_BYTES, a frame that returns to what
// `context` says, but with `rights` to what is Bulkhead's. Returns where the
// stack pointer must be for that. Ends the process if the frame has no place
// for rights, or names memory of Bulkhead's: something has overwritten it.
// Runs in: the monitor.
uintptr_t RebuildFrame(uintptr_t context, uintptr_t place, Pkru rights);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_
