// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The two signals that libc handles by itself: one cancels a thread that waits,
// the other has every thread change its user. libc installs its handlers past
// the wrapped sigaction(), when it first needs them; one that came in the
// monitor would end the process. So Bulkhead's entry is put in front of them,
// before any can come.

#ifndef BULKHEAD_ISOLATION_THREAD_LIBC_SIGNALS_H_
#define BULKHEAD_ISOLATION_THREAD_LIBC_SIGNALS_H_

namespace bulkhead {

// Each is called when libc may have installed the handler, and the second again
// when there is a first compartment: a thread inside has no other stack for a
// handler than the alternate one. Nothing happens the second time.
// REQUIRES: the library is initialised.
void AdoptUserHandler();
void AdoptCancelHandler();

// Has libc install the first of them, and adopts it. False: libc could not
// create a thread, with the first of which it does so.
[[nodiscard]] bool InstallUserHandler();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_LIBC_SIGNALS_H_
