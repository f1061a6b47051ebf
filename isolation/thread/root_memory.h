// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The root's memory outside of its heap: stacks with the TLS above them, what
// the program mapped, what ld.so allocated before there was a malloc. Sandboxes
// must not read it, so it carries the key of the root's heap once there is one.
//
// Globals of the program and its libraries stay on key 0, which sandboxes read.

#ifndef BULKHEAD_ISOLATION_THREAD_ROOT_MEMORY_H_
#define BULKHEAD_ISOLATION_THREAD_ROOT_MEMORY_H_

namespace bulkhead {

// Gives every private anonymous mapping of the process the key, but the
// reservation's, those of globals, and those that carry a key of the program's
// own. Other threads may run meanwhile. Dies where the kernel refuses.
// REQUIRES: protection keys. Not signal-safe.
void CloseRootMappings();

// The same for the calling thread's stack and TLS, where libc made them: they
// are open to sandboxes until this is called.
void CloseOwnStack();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_ROOT_MEMORY_H_
