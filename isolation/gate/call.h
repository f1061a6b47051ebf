// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The contract of bh_with_scope(). bh_call()'s is kept by isolation/arch/gate.S
// and, where a gate cannot pass as things are, by bulkhead_answer_gate() here.

#ifndef BULKHEAD_ISOLATION_GATE_CALL_H_
#define BULKHEAD_ISOLATION_GATE_CALL_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

bh_status CallInScope(bh_compartment compartment, void (*function)(void*),
                      void* context);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_CALL_H_
