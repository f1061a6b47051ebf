// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Restartable sequences (rseq, Linux 4.18). The kernel diverts a preempted
// thread to an address that it reads from a word of the thread's TLS: whoever
// writes to that word could divert a thread out of the monitor with its rights.

#ifndef BULKHEAD_ISOLATION_THREAD_RESTARTABLE_H_
#define BULKHEAD_ISOLATION_THREAD_RESTARTABLE_H_

namespace bulkhead {

// Ends the registration that libc made for the calling thread. sched_getcpu()
// then asks the kernel. Nothing to do where libc made none.
void UnregisterRestartableSequences();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_RESTARTABLE_H_
