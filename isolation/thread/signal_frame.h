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

// Keeps the interrupted code's rights in step with its record's while a handler
// runs. Begins as the handler does, once the record tells of the root's domain.
class InterruptedRights {
 public:
  // `record` may be nullptr: the thread had none.
  InterruptedRights(const ThreadRecord* record, bool entered);

  const InterruptedDomain& before() const { return before_; }

  // Changes the frame if the record's rights have changed. REQUIRES: signals
  // that can wait are blocked until the handler has been left.
  void Settle(const ThreadRecord* record, ucontext_t& context) const;

 private:
  const bool entered_;
  const bool had_record_;
  const uint64_t refreshes_;
  const InterruptedDomain before_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_FRAME_H_
