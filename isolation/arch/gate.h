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

// Runs function(arguments...) on the stack whose upper end is `stack`.
bh_result bulkhead_stack_call(uint64_t (*function)(uint64_t, uint64_t, uint64_t,
                                                   uint64_t, uint64_t,
                                                   uint64_t),
                              uintptr_t stack, const uint64_t arguments[6]);

// Runs body(context) and then undo(context); undo() also where the thread is
// unwound from within body(). BH_ERR_EXCEPTION: body() threw something.
uint64_t bulkhead_guarded(void (*body)(void*), void (*undo)(void*),
                          void* context);

// The code of these two and of bulkhead_land().
extern const unsigned char bulkhead_stack_calls_begin[];
extern const unsigned char bulkhead_stack_calls_end[];

// Where to go on in a frame of a gate's, above the caller's on its stack.
struct bulkhead_landing {
  uintptr_t counter;
  uintptr_t stack;
  uintptr_t rax;
  uintptr_t rbx;
  uintptr_t rbp;
  uintptr_t r12_to_r15[4];
};
[[noreturn]] void bulkhead_land(const bulkhead_landing* landing);

// Whether there is code of a gate's frame, of either kind, or of a guarded
// call.
bool bulkhead_is_gate(uintptr_t program_counter);

// Where such a frame goes on when the thread is unwound, from what its table of
// unwinding says; 0: it says nothing.
uintptr_t bulkhead_landing_of(const void* language_specific_data);

// What a frame calls that has been left by force, with what it was left with.
// Never returns. Defined by isolation/unwind.
void bulkhead_unwind_on(void* with);

// Ends the exception, in the domain that it came from. Defined by
// isolation/unwind.
void bulkhead_drop_exception(struct _Unwind_Exception* exception);

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
