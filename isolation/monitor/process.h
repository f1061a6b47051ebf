// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The start of Bulkhead in a process.

#ifndef BULKHEAD_ISOLATION_MONITOR_PROCESS_H_
#define BULKHEAD_ISOLATION_MONITOR_PROCESS_H_

#include "isolation/keys/key_pool.h"

namespace bulkhead {

// Reads the options, takes the keys, reserves the address space and makes the
// calling thread's record. Ends the process with a message when the options
// require what this machine lacks, or when there is no address space at all.
// REQUIRES: called once, by the first thread, before a second exists.
void StartProcess();

// Ends the start: from here on metadata is written in the monitor alone, and
// what is settled at start by nobody.
// REQUIRES: called once, after StartProcess(), by the same thread.
void SealProcess();

// Owned PKRU bits in a sandbox, its own key still closed. Settled at start.
extern Pkru sandbox_pkru;

// Whether this process may have sandboxes: it has protection keys, and a kernel
// that delivers signals to who may write to no stack of theirs.
bool MayHaveSandboxes();

// The process's protection keys; empty without them.
KeyPool& Keys();

// Why there are no protection keys, for people.
KeyAbsence WhyNoKeys();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_PROCESS_H_
