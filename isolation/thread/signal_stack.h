// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The stack on which a thread reports a fault. A thread inside a compartment
// cannot use its own: the kernel starts handlers with every key but 0 closed.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_

namespace bulkhead {

// Gives the calling thread an alternate signal stack unless it has one.
// Returns false when there is no memory or the kernel refuses.
bool EnsureSignalStack();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
