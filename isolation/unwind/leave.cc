// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/unwind/leave.h"

#include <unwind.h>

#include <cstddef>

#include "isolation/arch/gate.h"
#include "isolation/thread/current.h"
#include "isolation/violation/report.h"

static_assert(offsetof(bulkhead_landing, counter) == BH_LANDING_COUNTER);
static_assert(offsetof(bulkhead_landing, stack) == BH_LANDING_STACK);
static_assert(offsetof(bulkhead_landing, rax) == BH_LANDING_RAX);
static_assert(offsetof(bulkhead_landing, rbx) == BH_LANDING_RBX);
static_assert(offsetof(bulkhead_landing, rbp) == BH_LANDING_RBP);
static_assert(offsetof(bulkhead_landing, r12_to_r15) == BH_LANDING_R12);

namespace bulkhead {
namespace {

// Where each domain on the way reaches it: vaults use their caller's.
constinit thread_local Goal under_way
    __attribute__((tls_model("initial-exec")));

// Stops at the first frame of a gate's that has yet to be left.
_Unwind_Reason_Code Visit(_Unwind_Context* context, void* argument) {
  auto& landing = *static_cast<bulkhead_landing*>(argument);
  const uintptr_t counter = _Unwind_GetIP(context);
  if (!bulkhead_is_gate(counter)) return _URC_NO_REASON;
  const uintptr_t unwound = bulkhead_landing_of(
      reinterpret_cast<const void*>(_Unwind_GetLanguageSpecificData(context)));
  if (unwound == 0 || counter > unwound) return _URC_NO_REASON;
  constexpr int kRbx = 3, kRbp = 6, kR12 = 12;
  landing.counter = unwound;
  landing.stack = _Unwind_GetCFA(context);
  landing.rbx = _Unwind_GetGR(context, kRbx);
  landing.rbp = _Unwind_GetGR(context, kRbp);
  for (int i = 0; i < 4; ++i) {
    landing.r12_to_r15[i] = _Unwind_GetGR(context, kR12 + i);
  }
  return _URC_END_OF_STACK;
}

[[noreturn]] void LeaveNext() {
  bulkhead_landing landing = {};
  _Unwind_Backtrace(Visit, &landing);
  under_way.arrive(under_way, landing.stack);
  if (landing.counter == 0) ReportJump(under_way.address);
  landing.rax = reinterpret_cast<uintptr_t>(&under_way);
  bulkhead_land(&landing);
}

}  // namespace

void LeaveGates(const Goal& goal) {
  under_way = goal;
  LeaveNext();
}

void ReportJump(uintptr_t address) {
  ViolationPlace place;
  place.address = address;
  place.program_counter =
      reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  place.after_call = true;
  place.domain = CurrentCompartment(*CurrentRecord());
  ReportViolation(ViolationKind::kBadJump, place);
}

}  // namespace bulkhead

void bulkhead_unwind_on(void* with) {
  if (with != &bulkhead::under_way) {
    _Unwind_Resume(static_cast<_Unwind_Exception*>(with));
  }
  bulkhead::LeaveNext();
}
