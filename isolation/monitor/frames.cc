// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A thread's frame stack: the domains that it left for others.

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/monitor/calls.h"

namespace bulkhead {
namespace {

// What the way from the call of the monitor to the switch of stacks may still
// use of this one: the frames of bh_call() and of the gate, some hundred bytes.
constexpr uintptr_t kGateRoom = 2048;

bool IsOnStack(uintptr_t address, const ThreadRecord& record,
               CompartmentId id) {
  const uintptr_t end = record.stack_ends[Index(id)];
  return end != 0 && end - address <= RowOf(id).traits.stack_bytes;
}

}  // namespace

bh_result MonitorPushFrame(ThreadRecord& record, uint64_t raw_next, uint64_t,
                           uint64_t, uint64_t) {
  BULKHEAD_CHECK(raw_next < BH_MAX_COMPARTMENTS, "no such compartment");
  if (record.depth >= kMostFrames) return {0, BH_ERR_DEPTH};
  const CompartmentId leaving = record.caller;
  uintptr_t& stack = record.stacks[Index(leaving)];
  record.frames[record.depth++] = {record.pkru, record.current, leaving,
                                   record.claimed, stack};
  // A call back into the compartment starts below what is in use of its stack.
  // A scope stands on some other stack and has taken nothing of this one.
  if (IsOnStack(record.caller_stack, record, leaving)) {
    stack = RoundDown(record.caller_stack - kGateRoom, 64);
  }
  const CompartmentId next{static_cast<uint32_t>(raw_next)};
  record.pkru = record.pkru & Pkru{RowOf(record.claimed).open_mask};
  BULKHEAD_CHECK(enforcement != Enforcement::kPku ||
                     Bits(record.pkru & BothBits(RowOf(next).key)) == 0,
                 "a domain names a compartment that it may not write to");
  if (enforcement == Enforcement::kPku) NoteWholePkru(record);
  SetCurrent(record, next);
  return {};
}

// For a signal's handler, which is back in the root's rights already.
bh_result MonitorPushRoot(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(record.depth < kAllFrames, "a thread's frame stack is full");
  const CompartmentId left = record.current;
  record.frames[record.depth++] = {record.pkru, left, left, kRoot,
                                   record.stacks[Index(left)]};
  record.pkru = Pkru{bulkhead_root_pkru};
  if (enforcement == Enforcement::kPku) NoteWholePkru(record);
  SetCurrent(record, kRoot);
  return {};
}

bh_result MonitorPopFrame(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(record.depth > 0, "a thread's frame stack is empty");
  const Frame& frame = record.frames[--record.depth];
  BULKHEAD_CHECK(record.claimed == frame.beyond,
                 "a thread left another domain than it had entered");
  record.stacks[Index(frame.left)] = frame.stack;
  record.pkru = frame.pkru;
  if (enforcement == Enforcement::kPku) NoteWholePkru(record);
  SetCurrent(record, frame.current);
  return {};
}

}  // namespace bulkhead
