// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Where a violation happened, in code: the frames from there outwards, their
// symbols and their files. No allocation; signal-safe.

#ifndef BULKHEAD_ISOLATION_VIOLATION_STACK_TRACE_H_
#define BULKHEAD_ISOLATION_VIOLATION_STACK_TRACE_H_

#include <cstddef>
#include <cstdint>

#include "isolation/violation/report.h"

namespace bulkhead {

inline constexpr int kMostFramesShown = 32;

struct StackTrace {
  int count = 0;
  uintptr_t frames[kMostFramesShown] = {};  // each within its instruction
};

// The stack of the calling thread, which is at the place or in a signal's
// handler for it: from the place outwards, or the place alone where nothing
// else can be read. Of a callback, as far as the gate: beyond it is a sandbox's
// stack. Runs in: any domain whose stack is accessible.
void TakeStackTrace(const ViolationPlace& place, StackTrace& trace);

// Symbolises `address` into `name`; false: no symbol.
bool NameFunction(uintptr_t address, char* name, int size);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_STACK_TRACE_H_
