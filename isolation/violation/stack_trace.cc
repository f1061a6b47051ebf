// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/stack_trace.h"

#include <unwind.h>

#include "absl/debugging/symbolize.h"
#include "isolation/arch/gate.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

struct Walk {
  StackTrace& trace;
  uintptr_t program_counter;
  bool ends_at_gate;
  bool reached = false;

  bool IsFull() const { return trace.count == kMostFramesShown; }
  void Add(uintptr_t address) {
    if (!IsFull()) trace.frames[trace.count++] = address;
  }
};

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  const uintptr_t address = _Unwind_GetIP(context);
  if (walk.reached && address != 0) {
    walk.Add(address - 1);
  } else if (address == walk.program_counter) {
    walk.reached = true;
  }
  if (walk.ends_at_gate && bulkhead_is_gate(address)) return _URC_END_OF_STACK;
  return walk.IsFull() ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

void TakeStackTrace(const ViolationPlace& place, StackTrace& trace) {
  Walk walk{trace, place.program_counter, WasCalledBack(*CurrentRecord())};
  walk.Add(place.program_counter - (place.after_call ? 1 : 0));
  if (place.stack_readable) _Unwind_Backtrace(AddFrame, &walk);
}

bool NameFunction(uintptr_t address, char* name, int size) {
  return absl::Symbolize(reinterpret_cast<void*>(address), name, size);
}

}  // namespace bulkhead
