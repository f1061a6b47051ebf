// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What compartments grant on their heaps, and which rights come of it.
//
// With keys, a row's `granted` opens in its domain what was granted to it and
// to everyone. Without, a heap's pages are open to all threads as soon as one
// may run that was granted something.

#ifndef BULKHEAD_ISOLATION_DOMAIN_GRANTS_H_
#define BULKHEAD_ISOLATION_DOMAIN_GRANTS_H_

#include "isolation/arch/pkru.h"
#include "isolation/domain/compartment_table.h"

namespace bulkhead {

// Puts down what the owner grants to the one compartment, or to everyone.
void SetGrant(CompartmentRow& owner, CompartmentId to, bh_access access);
void SetGrantToEveryone(CompartmentRow& owner, bh_access access);

// Forgets what a compartment was granted that is no more.
void ForgetGrantsTo(CompartmentId to);

// Has a row's `key_bits` follow from its keys and grants.
void SettleKeyBits(CompartmentRow& row);

// Has every row's `granted` and `key_bits` follow from what was put down.
// REQUIRES, as the functions above: the lock of compartments is held. Runs in:
// the monitor.
void SettleGrants();

// What the domain of `to` may do with the owner's heap by a grant.
bh_access GrantedTo(CompartmentId to, const CompartmentRow& owner);

// Without keys: the most that any domain was granted in which a thread may run
// now. REQUIRES: owner.heap_lock is held. Whoever changes who is inside of a
// compartment that was granted something has the protection updated afterwards.
bh_access GrantedToWhoRuns(const CompartmentRow& owner);

// Whether anything is granted to this one domain.
bool IsGrantedSomething(CompartmentId id);

// The rights of the root's domain.
Pkru RootRights();

// Grows with each change of what is granted, after the change.
extern uint64_t grants_generation;

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_GRANTS_H_
