// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The stack on which a thread reports a fault. A thread inside a compartment
// cannot use its own: the kernel starts handlers with every key but 0 closed.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_

#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Gives the calling thread, whose record this is, an alternate signal stack
// unless it has one. Returns false when there is no memory or the kernel
// refuses. The stack is the record's and serves its next thread too.
bool EnsureSignalStack(ThreadRecord& record);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
