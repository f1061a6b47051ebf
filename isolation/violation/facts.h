// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Everything that a report says, found out before its first word is written, so
// that each form of a report says the same.

#ifndef BULKHEAD_ISOLATION_VIOLATION_FACTS_H_
#define BULKHEAD_ISOLATION_VIOLATION_FACTS_H_

#include <cstddef>
#include <cstdint>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/layout.h"
#include "isolation/violation/report.h"
#include "isolation/violation/stack_trace.h"

namespace bulkhead {

// As kinds.inc has it.
struct KindText {
  const char* name;
  const char* text;
};
KindText TextOf(ViolationKind kind);
// REQUIRES: `number` is a kind's; dies otherwise.
ViolationKind KindOf(uint64_t number);

// "read", "write", "execute"; nullptr for none.
const char* NameOf(Access access);

enum class Region { kNone, kUnused, kHeap, kStack, kVariables };

struct GrantFact {
  CompartmentId owner = kRoot;
  bh_access access = BH_ACCESS_NONE;
};

struct Facts {
  ViolationKind kind;
  ViolationPlace place;
  int pid = 0;
  int tid = 0;

  Region region = Region::kNone;
  CompartmentId owner = kRoot;  // of kHeap, kStack and kVariables
  bool has_object = false;
  HeapObject object = {};
  bool shows_registers = false;

  // What others granted to the domain that the thread ran in.
  size_t grant_count = 0;
  GrantFact grants[BH_MAX_COMPARTMENTS] = {};

  // The domains that the thread left for one another, outermost first, down to
  // the one it ran in.
  size_t gate_count = 0;
  CompartmentId gates[2 * kAllFrames + 2] = {};

  StackTrace stack = {};
};

// REQUIRES: of `facts`, kind and place are set. Runs in: a domain that may call
// the monitor.
void FindFacts(Facts& facts);

// The registers that a report shows, by the name and the place in gregs.
struct RegisterName {
  const char* name;
  int place;
};
inline constexpr size_t kRegisters = 17;
extern const RegisterName register_names[kRegisters];

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_FACTS_H_
