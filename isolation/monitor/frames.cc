// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A thread's frame stack: the domains that it left for others.

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/stacks.h"

namespace bulkhead {
namespace {

// What the way from the call of the monitor to the switch of stacks may still
// use of this one: the frames of bh_call() and of the gate, some hundred bytes.
constexpr uintptr_t kGateRoom = 2048;

}  // namespace

void PopFrame(ThreadRecord& record, FrameKind kind) {
  BULKHEAD_CHECK(record.depth > 0, "a thread's frame stack is empty");
  const Frame& frame = record.frames[--record.depth];
  BULKHEAD_CHECK(record.claimed == frame.beyond && frame.kind == kind,
                 "a thread left another domain than it had entered");
  record.stacks[Index(frame.left)] = frame.stack;
  record.gate_fs = frame.gate_fs;
  record.fs_next = frame.fs_base;
  SetDomain(record, frame.pkru, frame.current);
}

bh_result MonitorPushFrame(ThreadRecord& record, uint64_t raw_next, uint64_t,
                           uint64_t, uint64_t) {
  BULKHEAD_CHECK(raw_next < BH_MAX_COMPARTMENTS, "no such compartment");
  if (record.depth >= kMostFrames) return {0, BH_ERR_DEPTH};
  Frame& frame = record.frames[record.depth++];
  frame = {record.pkru,
           record.current,
           kRoot,
           record.claimed,
           0,
           FrameKind::kDomain,
           record.fs_base,
           record.gate_fs,
           0};
  KeepStack(record, kGateRoom, frame);
  const CompartmentId next{static_cast<uint32_t>(raw_next)};
  const Pkru rights = record.pkru & Pkru{RowOf(record.claimed).open_mask};
  BULKHEAD_CHECK(enforcement != Enforcement::kPku ||
                     Bits(rights & BothBits(RowOf(next).key)) == 0,
                 "a domain names a compartment that it may not write to");
  SetDomain(record, rights, next);
  return {};
}

bh_result MonitorPopFrame(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  PopFrame(record, FrameKind::kDomain);
  return {};
}

}  // namespace bulkhead
