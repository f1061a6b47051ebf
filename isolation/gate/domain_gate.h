// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls that lead through the monitor, to any domain.

#ifndef BULKHEAD_ISOLATION_GATE_SANDBOX_GATE_H_
#define BULKHEAD_ISOLATION_GATE_SANDBOX_GATE_H_

#include "bulkhead/bulkhead.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// As bh_call(), into a vault. REQUIRES: the domain of the caller, who has a
// record, is not a sandbox's.
bh_result CallVault(bh_compartment compartment, const bh_gate* gate,
                    const uint64_t arguments[6]);

// The same into a sandbox.
bh_result CallSandbox(bh_compartment compartment, const bh_gate* gate,
                      const uint64_t arguments[6]);

// Makes the stack and the TLS of the thread of `record`, the caller, in the
// sandbox, unless it has them. BH_OK, BH_ERR_NO_MEMORY or BH_ERR_KERNEL.
// REQUIRES: as above; the sandbox is live.
bh_status MakeHome(ThreadRecord& record, bh_compartment sandbox);

// As bh_call() of the root, by a thread in a sandbox.
bh_result CallRoot(const bh_gate* gate, const uint64_t arguments[6]);

// The contract of bh_allow().
bh_status AllowCallback(bh_compartment sandbox, const bh_gate* gate);

// Makes the process fit to have sandboxes: closes the root's memory to them,
// has handlers of signals run on alternate stacks, and finds the functions that
// libraries have not called yet. Idempotent. BH_OK or BH_ERR_LEVEL.
// REQUIRES: the library is initialised; called in the root's domain.
bh_status PrepareForSandboxes();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_SANDBOX_GATE_H_
