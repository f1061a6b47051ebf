// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The life of compartments: the only code that changes their rows.

#ifndef BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_
#define BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_

#include "bulkhead/bulkhead.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The contracts of bh_create_with_gates() and bh_destroy().
// Thread-safe. REQUIRES: the library is initialised.
bh_status CreateCompartment(const char* name, const bh_options& options,
                            const bh_gate* gates, const bh_gate* gates_end,
                            bh_compartment& created);
bh_status DestroyCompartment(bh_compartment compartment);

// Makes what a thread needs to enter the compartment: its stack there, and a
// signal stack to report faults on. BH_OK, BH_ERR_NO_MEMORY or BH_ERR_KERNEL.
bh_status PrepareThread(ThreadRecord& record, CompartmentRow& row);

// Returns when no creation or destruction that is under way now is.
void AwaitCompartments();

// Called once, when the first compartment is about to exist.
using FirstCompartmentHook = void (*)();
extern FirstCompartmentHook on_first_compartment;

// Held around fork().
void LockCompartments();
void UnlockCompartments();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_COMPARTMENTS_H_
