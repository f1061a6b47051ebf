// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/facts.h"

#include "isolation/base/raw_log.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/grants.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {
namespace {

constexpr KindText kKinds[] = {
#define BH_KIND(enumerator, name, text) {name, text},
#include "isolation/violation/kinds.inc"
#undef BH_KIND
};

void FindOwnerOf(uintptr_t address, Facts& facts) {
  if (!FindAnyOwner(address, facts.owner)) {
    facts.region =
        reservation.Contains(address) ? Region::kUnused : Region::kNone;
    return;
  }
  const CompartmentRow& row = RowOf(facts.owner);
  CompartmentId of_cage;
  if (facts.owner != kRoot &&
      address - row.stack_cages.begin < row.stack_cages.bytes) {
    facts.region = Region::kStack;
  } else if (FindOwner(address, of_cage)) {
    facts.region = Region::kHeap;
  } else {
    facts.region = Region::kVariables;
  }
}

void FindGrants(Facts& facts) {
  for (const CompartmentRow& owner : bulkhead_compartments) {
    if (owner.state != BH_STATE_LIVE || IdOf(owner) == facts.place.domain) {
      continue;
    }
    const bh_access access = GrantedTo(facts.place.domain, owner);
    if (access == BH_ACCESS_NONE) continue;
    facts.grants[facts.grant_count++] = {IdOf(owner), access};
  }
}

// A frame tells which domain was left, and where a gate that pushes nothing had
// led from there; the record and the place tell the same of now.
void FindGates(Facts& facts) {
  const ThreadRecord& record = *CurrentRecord();
  const auto add = [&facts](CompartmentId id) {
    facts.gates[facts.gate_count++] = id;
  };
  size_t depth = record.depth;
  CompartmentId last = record.current;
  // The handler's own, which tells of the violation.
  if (facts.place.context != nullptr && depth != 0 &&
      record.frames[depth - 1].kind == FrameKind::kHandler) {
    last = record.frames[--depth].current;
  }
  for (size_t i = 0; i < depth; ++i) {
    const Frame& frame = record.frames[i];
    add(frame.current);
    if (frame.beyond != kRoot) add(frame.beyond);
  }
  if (last != facts.place.domain) add(last);
  add(facts.place.domain);
}

bool MayShowRegisters(const ViolationPlace& place) {
  if (place.context == nullptr || IsHidden(*place.context)) return false;
  return place.domain == kRoot || IsSandbox(RowOf(place.domain).traits.kind);
}

}  // namespace

const RegisterName register_names[kRegisters] = {
    {"rax", REG_RAX}, {"rbx", REG_RBX}, {"rcx", REG_RCX}, {"rdx", REG_RDX},
    {"rdi", REG_RDI}, {"rsi", REG_RSI}, {"rbp", REG_RBP}, {"rsp", REG_RSP},
    {"r8", REG_R8},   {"r9", REG_R9},   {"r10", REG_R10}, {"r11", REG_R11},
    {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14}, {"r15", REG_R15},
    {"rip", REG_RIP},
};

KindText TextOf(ViolationKind kind) { return kKinds[static_cast<int>(kind)]; }

const char* NameOf(Access access) {
  switch (access) {
    case Access::kNone:
      break;
    case Access::kRead:
      return "read";
    case Access::kWrite:
      return "write";
    case Access::kExecute:
      return "execute";
  }
  return nullptr;
}

ViolationKind KindOf(uint64_t number) {
  BULKHEAD_CHECK(number < sizeof(kKinds) / sizeof(kKinds[0]),
                 "no such kind of violation");
  return static_cast<ViolationKind>(number);
}

void FindFacts(Facts& facts) {
  facts.pid = sys::GetPid();
  facts.tid = sys::GetTid();
  FindOwnerOf(facts.place.address, facts);
  facts.has_object = facts.region == Region::kHeap &&
                     object_finder != nullptr &&
                     object_finder(facts.place.address, facts.object);
  facts.shows_registers = MayShowRegisters(facts.place);
  FindGrants(facts);
  FindGates(facts);
  TakeStackTrace(facts.place, facts.stack);
}

}  // namespace bulkhead
