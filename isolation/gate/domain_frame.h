// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A thread's way through domains that PKRU alone cannot tell.
//
// A gate into a vault from the record's domain changes PKRU and nothing else:
// the one key more that is open says who runs. Whoever goes further from there,
// or into a compartment whose key is open already, or has no keys at all, must
// first be known to the record: its domain becomes the thread's, and what it
// was goes on the frame stack until the way leads back.

#ifndef BULKHEAD_ISOLATION_GATE_DOMAIN_FRAME_H_
#define BULKHEAD_ISOLATION_GATE_DOMAIN_FRAME_H_

#include "isolation/arch/gate.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/current.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Runs body() and then undo(), which also runs where the thread is unwound from
// within body(), by pthread_exit(), cancelled or by longjmp().
// BH_ERR_EXCEPTION: body() threw something, which ended before undo().
template <typename Body, typename Undo>
bh_status Guarded(Body body, Undo undo) {
  struct Both {
    Body& body;
    Undo& undo;
  } both = {body, undo};
  return static_cast<bh_status>(bulkhead_guarded(
      [](void* context) { static_cast<Both*>(context)->body(); },
      [](void* context) { static_cast<Both*>(context)->undo(); }, &both));
}

// Runs body() with all signals blocked that can wait, as Guarded() does.
template <typename Body>
bh_status WithSignalsBlocked(Body body) {
  uint64_t before = 0;
  sys::SetSignalMask(&kAllButFaults, &before);
  return Guarded(body, [&before] { sys::SetSignalMask(&before, nullptr); });
}

// Makes the rights that the thread has now its record's domain, with `next` as
// the current compartment. False: the thread is in kMostFrames domains already,
// and nothing changed. REQUIRES: `record` is the calling thread's.
[[nodiscard]] bool PushDomainFrame(ThreadRecord& record, CompartmentId next);

// The way back. REQUIRES: as at the end of what the frame was pushed for.
void PopDomainFrame(ThreadRecord& record);

// Runs body() in between, as Guarded() does. BH_ERR_DEPTH: it did not run.
template <typename Body>
[[nodiscard]] bh_status InDomainFrame(ThreadRecord& record, CompartmentId next,
                                      Body body) {
  if (!PushDomainFrame(record, next)) return BH_ERR_DEPTH;
  return Guarded(body, [&record] { PopDomainFrame(record); });
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_DOMAIN_FRAME_H_
