// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The assembly of gate.S as C++ sees it. Only isolation/gate and
// isolation/thread call it.

#ifndef BULKHEAD_ISOLATION_ARCH_GATE_H_
#define BULKHEAD_ISOLATION_ARCH_GATE_H_

#include <cstddef>
#include <cstdint>

#include "bulkhead/bulkhead.h"

extern "C" {

// What bh_call(), which is in gate.S, comes to where it cannot pass as things
// are: `why` is a BH_GATE_ code of layout.h. Defined by isolation/gate.
bh_result bulkhead_answer_gate(bh_compartment compartment, const bh_gate* gate,
                               const uint64_t arguments[6], uint64_t why);

// Runs function(context) with the compartment open on the caller's stack. The
// status is 0 or a BH_GATE_ code. REQUIRES: as above, and the row allows
// scopes.
bh_result bulkhead_scope_pku(uint64_t id, void (*function)(void*),
                             void* context);

// Runs function(arguments...) on the stack whose upper end is `stack`.
uint64_t bulkhead_stack_call(uint64_t (*function)(uint64_t, uint64_t, uint64_t,
                                                  uint64_t, uint64_t, uint64_t),
                             uintptr_t stack, const uint64_t arguments[6]);

// Runs body(context) and then undo(context); undo() also where the thread ends
// within body(), by pthread_exit() or cancelled.
void bulkhead_guarded(void (*body)(void*), void (*undo)(void*), void* context);

// Closes every owned key in the calling thread.
// REQUIRES: the backend is protection keys.
void bulkhead_drop_rights(void);

// The bounds of all this code.
extern const unsigned char bulkhead_gates_begin[];
extern const unsigned char bulkhead_gates_end[];

// PKRU bits of the keys that Bulkhead owns, and their value in the root domain.
extern uint32_t bulkhead_owned_pkru;
extern uint32_t bulkhead_root_pkru;
// PKRU bits of all other keys.
extern uint32_t bulkhead_others_pkru;
// Where records lie: at begin | (anything & mask).
extern uintptr_t bulkhead_records_begin;
extern size_t bulkhead_records_bytes;
extern uintptr_t bulkhead_records_mask;
// One of BH_VECTOR_: what a gate has to clear on this CPU.
extern uint32_t bulkhead_vector_state;

}  // extern "C"

#endif  // BULKHEAD_ISOLATION_ARCH_GATE_H_
