// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Variables that the program annotated (bulkhead/variables.h): whole pages of
// its static data that are a compartment's, like pages of its heap.
//
//   the object's ----Adopt----> the compartment's --Release--> nobody's
//                                      ^----------Adopt-----------'
//
// Pages that were adopted are anonymous memory, and never the object's again.
// The table only grows; rows change their owner under the lock of compartments.

#ifndef BULKHEAD_ISOLATION_DOMAIN_VARIABLES_H_
#define BULKHEAD_ISOLATION_DOMAIN_VARIABLES_H_

#include "isolation/base/ids.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"

namespace bulkhead {

inline constexpr uint32_t kMostVariables = 256;

struct Variables {
  PageRange pages = {};
  CompartmentId owner = kRoot;  // the root: nobody's
};

// The compartment whose variable lies there. Signal-safe. Runs in: any domain.
bool FindVariables(uintptr_t address, CompartmentId& id);

// Whether any of the pages hold, or held, a compartment's variables.
// Signal-safe. Runs in: any domain.
bool AreVariables(PageRange pages);

// FindOwner() of heaps, stacks and variables.
inline bool FindAnyOwner(uintptr_t address, CompartmentId& id) {
  return FindOwner(address, id) || FindVariables(address, id);
}

// Makes the pages part of `row`, whose protection without keys is `protection`;
// what they hold is kept unless they are nobody's. BH_ERR_VARIABLES: they are
// not whole pages of the program's, or the table is full. Nothing has changed
// on an error. REQUIRES: the lock of compartments. Runs in: the monitor.
bh_status AdoptVariables(CompartmentRow& row, PageRange pages, int protection);

// Wipes those of `row` and makes them nobody's. False: the kernel refused.
// REQUIRES, runs in: as above.
bool ReleaseVariables(CompartmentRow& row);

// Gives those of `row` the protection, where keys do not. Runs in: the monitor.
bool ProtectVariables(const CompartmentRow& row, int protection);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_VARIABLES_H_
