// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The stacks of a thread's signals. The kernel starts handlers with every key
// but 0 closed: a thread inside a compartment cannot use its own.
//
// Where the kernel writes frames whatever the thread may write (Linux 6.12),
// and there are keys, it is given one that only it and the monitor write: the
// kernel stack. The handler runs on another, of the root's, to which the
// monitor copies what the handler may see (isolation/monitor/handlers.cc): the
// one that the program has said with sigaltstack(), which then tells Bulkhead
// and not the kernel, or one of Bulkhead's own. Elsewhere the kernel has that
// one, and the handler runs where the kernel wrote.

#ifndef BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
#define BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_

#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Of Bulkhead's own. A frame with AVX-512 state takes 4 KiB; the symboliser's
// buffers the rest.
inline constexpr size_t kSignalStackBytes = size_t{64} << 10;

// Gives the calling thread, whose record this is, stacks for its signals unless
// it has them. Returns false when there is no memory or the kernel refuses. The
// stacks are the record's and serve its next thread too. A thread that is on an
// alternate stack of the program's gets its kernel stack as the handler there
// returns.
bool EnsureSignalStack(ThreadRecord& record);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_SIGNAL_STACK_H_
