// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// How a thread learns that what is granted has changed: by the signal that libc
// itself sends to every thread, which no program can block or handle through
// libc.

#ifndef BULKHEAD_ISOLATION_THREAD_CHANGE_OF_RIGHTS_H_
#define BULKHEAD_ISOLATION_THREAD_CHANGE_OF_RIGHTS_H_

#include <signal.h>
#include <ucontext.h>

namespace bulkhead {

// Sends it to a thread of this process. The kernel's result.
long SendChangeOfRights(int tid);

// Whether the signal is one of those.
bool IsChangeOfRights(const siginfo_t& info);

// What its handler does: has the thread's record follow what is granted, which
// its rights_generation then says. Where the thread is on its way through a
// gate nothing is done: the signal must come again.
void ChangeRights(const ucontext_t& context);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_CHANGE_OF_RIGHTS_H_
