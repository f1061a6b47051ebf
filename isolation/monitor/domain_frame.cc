// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/domain_frame.h"

#include "isolation/base/raw_log.h"

namespace bulkhead {
namespace {

// What the way from here to the switch of stacks may still use of this one: the
// frames of bh_call() and of the gate, some hundred bytes.
constexpr uintptr_t kGateRoom = 2048;

bool IsOnStack(uintptr_t address, const ThreadRecord& record,
               CompartmentId id) {
  const uintptr_t end = record.stack_ends[Index(id)];
  return end != 0 && end - address <= RowOf(id).traits.stack_bytes;
}

}  // namespace

DomainFrame::DomainFrame(ThreadRecord& record, CompartmentId next)
    : record_(record) {
  if (record.depth == kMostFrames) return;
  const CompartmentId leaving = CurrentCompartment(record);
  uintptr_t& stack = record.stacks[Index(leaving)];
  record.frames[record.depth++] = {record.pkru, record.current, leaving, stack};
  // A call back into the compartment starts below what is in use of its stack.
  // A scope stands on some other stack and has taken nothing of this one.
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (IsOnStack(here, record, leaving)) {
    stack = RoundDown(here - kGateRoom, 64);
  }
  if (enforcement == Enforcement::kPku) {
    record.pkru = ReadPkru() & Pkru{bulkhead_owned_pkru};
  }
  record.current = next;
  pushed_ = true;
}

DomainFrame::~DomainFrame() {
  if (!pushed_) return;
  BULKHEAD_CHECK(record_.depth > 0, "a thread's frame stack is empty");
  const Frame& frame = record_.frames[--record_.depth];
  record_.stacks[Index(frame.left)] = frame.stack;
  record_.pkru = frame.pkru;
  record_.current = frame.current;
}

}  // namespace bulkhead
