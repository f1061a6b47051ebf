// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Leaving gates from below, as a jump does: the program's frames are passed
// over, those of gates and scopes are left one by one, each in its own domain,
// as if what they called had returned.

#ifndef BULKHEAD_ISOLATION_UNWIND_LEAVE_H_
#define BULKHEAD_ISOLATION_UNWIND_LEAVE_H_

#include <cstdint>

namespace bulkhead {

struct Goal {
  // Called before each gate, in the domain of what it leads back from, with the
  // stack pointer that its frame has; in the end with 0, where there is none
  // left. Does not return once it has arrived.
  void (*arrive)(const Goal& goal, uintptr_t gate_stack) = nullptr;
  uintptr_t words[2] = {};
  int value = 0;
  uintptr_t address = 0;  // for a report
};

// Out of a sandbox leads its gate, and what is behind it is not the goal's: the
// caller gets BH_ERR_ENDED. Reports a bad jump where no gate is left.
[[noreturn]] void LeaveGates(const Goal& goal);

// Reports that there is no jump to the address.
[[noreturn]] void ReportJump(uintptr_t address);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_UNWIND_LEAVE_H_
