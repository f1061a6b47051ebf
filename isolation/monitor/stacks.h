// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Where gates find a thread's stacks free.

#ifndef BULKHEAD_ISOLATION_MONITOR_STACKS_H_
#define BULKHEAD_ISOLATION_MONITOR_STACKS_H_

#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Puts down in the frame whose stack the caller of the monitor stands on, and
// where the next gate into that compartment would have started. From now on one
// starts below what is in use, with `room` bytes in between. A scope's code
// stands on the stack of who opened it; code that made its own stack, on none
// that gates start on. Runs in: the monitor.
void KeepStack(ThreadRecord& record, uintptr_t room, Frame& frame);

// The same for code that was interrupted with its stack pointer at `address`,
// on the stack of `id` in a compartment: gates start below it from now on.
// Returns where one would have started. False: it stood on no such stack.
bool KeepInterruptedStack(ThreadRecord& record, uintptr_t address,
                          CompartmentId& id, uintptr_t& before);

// Goes back to the domain that the thread left last. REQUIRES: it left it so.
// Runs in: the monitor.
void PopFrame(ThreadRecord& record, FrameKind kind);

// Empties the stacks of a thread that ends, or has ended, and has left all
// compartments. They stay the record's. Runs in: the monitor.
void EmptyStacks(const ThreadRecord& record);

// Empties the one in `row`, which the thread is about to get.
void EmptyStackIn(const ThreadRecord& record, CompartmentRow& row);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_STACKS_H_
