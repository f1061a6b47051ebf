// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A thread's way through domains that PKRU alone cannot tell.
//
// A gate into a vault from the record's domain changes PKRU and nothing else:
// the one key more that is open says who runs. Whoever goes further from there,
// or into a compartment whose key is open already, or has no keys at all, must
// first be known to the record: its domain becomes the thread's, and what it
// was goes on the frame stack until this object's life ends.

#ifndef BULKHEAD_ISOLATION_MONITOR_DOMAIN_FRAME_H_
#define BULKHEAD_ISOLATION_MONITOR_DOMAIN_FRAME_H_

#include "isolation/thread/current.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

class DomainFrame {
 public:
  // Makes the rights that the thread has now its record's domain, with `next`
  // as the current compartment; CurrentCompartment() for the one it is in.
  // REQUIRES: `record` is the calling thread's. The object lives on the stack
  // that the thread runs on.
  DomainFrame(ThreadRecord& record, CompartmentId next);
  ~DomainFrame();
  DomainFrame(const DomainFrame&) = delete;
  DomainFrame& operator=(const DomainFrame&) = delete;

  // False: the thread is in kMostFrames domains already, and nothing changed.
  bool ok() const { return pushed_; }

 private:
  ThreadRecord& record_;
  bool pushed_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_DOMAIN_FRAME_H_
