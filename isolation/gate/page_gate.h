// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Gates of a machine without protection keys. A compartment's pages are
// accessible to the whole process while any thread is inside, and to nobody
// otherwise: exact for one thread, weaker for more.

#ifndef BULKHEAD_ISOLATION_GATE_PAGE_GATE_H_
#define BULKHEAD_ISOLATION_GATE_PAGE_GATE_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

// As bh_call() and CallInScope(). REQUIRES: the backend is page protection.
bh_result CallByPages(bh_compartment compartment, uint64_t entry,
                      const uint64_t arguments[6]);
bh_status ScopeByPages(bh_compartment compartment, void (*function)(void*),
                       void* context);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_PAGE_GATE_H_
