// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Makes the domain in which a thread runs the domain of its record.
//
// A gate into a vault from the record's domain changes PKRU alone. Code inside
// that goes further must first be known to the record: it becomes the record's
// domain, and what was goes on the frame stack until the scope ends.

#ifndef BULKHEAD_ISOLATION_MONITOR_OWN_DOMAIN_H_
#define BULKHEAD_ISOLATION_MONITOR_OWN_DOMAIN_H_

#include "isolation/thread/current.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

class OwnDomain {
 public:
  // REQUIRES: `record` is the calling thread's. The object lives on the stack
  // that the thread runs on.
  explicit OwnDomain(ThreadRecord& record);
  ~OwnDomain();
  OwnDomain(const OwnDomain&) = delete;
  OwnDomain& operator=(const OwnDomain&) = delete;

  // False: the frame stack is full, and nothing was changed.
  bool ok() const { return ok_; }

 private:
  ThreadRecord& record_;
  bool pushed_ = false;
  bool ok_ = true;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_OWN_DOMAIN_H_
