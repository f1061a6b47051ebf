// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Finds what bulkhead/variables.h put down in loaded objects. The notes lie in
// constant memory.

#ifndef BULKHEAD_ISOLATION_MONITOR_ANNOTATIONS_H_
#define BULKHEAD_ISOLATION_MONITOR_ANNOTATIONS_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

// Whether a loaded object has variables of the compartment of that name.
bool HasVariablesOf(const char* name);

// Makes them part of the live compartment of that name, as far as they are not.
bh_status TagVariablesOf(const char* name, bh_compartment compartment);

// The same for all live compartments. Dies on an error.
void TagAllVariables();

// Held around fork(): no thread is in the list of objects meanwhile.
void LockSearches();
void UnlockSearches();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_ANNOTATIONS_H_
