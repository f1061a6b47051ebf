// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/own_domain.h"

#include "isolation/base/raw_log.h"

namespace bulkhead {
namespace {

// What the way from here to the switch of stacks may still use of this one: the
// frames of bh_call() and of the gate, some hundred bytes.
constexpr uintptr_t kGateRoom = 2048;

}  // namespace

OwnDomain::OwnDomain(ThreadRecord& record) : record_(record) {
  if (enforcement != Enforcement::kPku) return;
  const Pkru pkru = ReadPkru() & Pkru{bulkhead_owned_pkru};
  if (pkru == record.pkru) return;
  if (record.depth == kMostFrames) {
    ok_ = false;
    return;
  }
  const CompartmentId current = DomainOf(pkru, record);
  const uint32_t index = Index(current);
  record.frames[record.depth++] = {record.pkru, record.current,
                                   record.stacks[index]};
  // A call back into this compartment starts below what is in use of its stack.
  // A scope stands on some other stack and has taken nothing of this one.
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  const uintptr_t end = record.stack_ends[index];
  if (end != 0 && here < end && here >= end - RowOf(current).traits.stack_bytes) {
    record.stacks[index] = RoundDown(here - kGateRoom, 64);
  }
  record.pkru = pkru;
  record.current = current;
  pushed_ = true;
}

OwnDomain::~OwnDomain() {
  if (!pushed_) return;
  BULKHEAD_CHECK(record_.depth > 0, "a thread's frame stack is empty");
  const Frame& frame = record_.frames[--record_.depth];
  record_.stacks[Index(record_.current)] = frame.stack;
  record_.pkru = frame.pkru;
  record_.current = frame.current;
}

}  // namespace bulkhead
