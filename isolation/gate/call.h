// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls through gates and scopes: the contracts of bh_call() and
// bh_with_scope().

#ifndef BULKHEAD_ISOLATION_GATE_CALL_H_
#define BULKHEAD_ISOLATION_GATE_CALL_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

struct Arguments {
  uint64_t word[6];
};

bh_result CallGate(bh_compartment compartment, const bh_gate* gate,
                   const Arguments& arguments);

bh_status CallInScope(bh_compartment compartment, void (*function)(void*),
                      void* context);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_CALL_H_
