// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/stacks.h"

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {
namespace {

bool IsOnStack(uintptr_t address, const ThreadRecord& record,
               CompartmentId id) {
  const uintptr_t end = record.stack_ends[Index(id)];
  return end != 0 && end - address <= RowOf(id).traits.stack_bytes;
}

// False: on none of those that gates start on.
bool FindStack(const ThreadRecord& record, CompartmentId& id) {
  const uintptr_t address = record.caller_stack;
  id = record.caller;
  if (IsOnStack(address, record, id)) return true;
  id = record.current;
  if (IsOnStack(address, record, id)) return true;
  for (const CompartmentRow& row : bulkhead_compartments) {
    id = IdOf(row);
    if (IsOnStack(address, record, id)) return true;
  }
  id = kRoot;
  CompartmentId owner = kRoot;
  return !FindOwner(address, owner) || owner == kRoot;
}

}  // namespace

void KeepStack(ThreadRecord& record, uintptr_t room, Frame& frame) {
  CompartmentId id = kRoot;
  const bool is_known = FindStack(record, id);
  uintptr_t& stack = record.stacks[Index(id)];
  frame.left = id;
  frame.stack = stack;
  if (is_known) stack = RoundDown(record.caller_stack - room, 64);
}

bool KeepInterruptedStack(ThreadRecord& record, uintptr_t address,
                          CompartmentId& id, uintptr_t& before) {
  for (const CompartmentRow& row : bulkhead_compartments) {
    id = IdOf(row);
    if (id == kRoot || !IsOnStack(address, record, id)) continue;
    uintptr_t& stack = record.stacks[Index(id)];
    before = stack;
    stack = RoundDown(address - kRedZone, 64);
    return true;
  }
  return false;
}

void EmptyStacks(const ThreadRecord& record) {
  for (CompartmentRow& row : bulkhead_compartments) EmptyStackIn(record, row);
}

void EmptyStackIn(const ThreadRecord& record, CompartmentRow& row) {
  const uintptr_t end = record.stack_ends[Index(IdOf(row))];
  BULKHEAD_CHECK(end == 0 || EmptyStack(row, end),
                 "the kernel refused to empty a thread's stack");
}

}  // namespace bulkhead
