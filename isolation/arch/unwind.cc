// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the unwinder asks about the frames of gate.S.

#include <unwind.h>

#include <cstdint>

#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"

extern "C" __attribute__((visibility("hidden"))) _Unwind_Reason_Code
bulkhead_personality(int version, _Unwind_Action actions,
                     _Unwind_Exception_Class exception_class,
                     _Unwind_Exception* exception, _Unwind_Context* context);

namespace {

// A frame's language-specific data: how far behind each word one goes on.
struct Ways {
  int32_t unwound;
  int32_t caught;
};

uintptr_t At(const int32_t& way) {
  return reinterpret_cast<uintptr_t>(&way) + static_cast<intptr_t>(way);
}

bool Lies(uintptr_t address, const unsigned char* begin,
          const unsigned char* end) {
  return address >= reinterpret_cast<uintptr_t>(begin) &&
         address < reinterpret_cast<uintptr_t>(end);
}

}  // namespace

bool bulkhead_is_gate(uintptr_t counter) {
  return Lies(counter, bulkhead_gates_begin, bulkhead_gates_end) ||
         Lies(counter, bulkhead_domain_gate_begin, bulkhead_domain_gate_end) ||
         Lies(counter, bulkhead_stack_calls_begin, bulkhead_stack_calls_end);
}

uintptr_t bulkhead_landing_of(const void* data) {
  return data == nullptr ? 0 : At(static_cast<const Ways*>(data)->unwound);
}

// An exception lies in the heap of the compartment that it would leave: it is
// caught by the first of these frames.
_Unwind_Reason_Code bulkhead_personality(int version, _Unwind_Action actions,
                                         _Unwind_Exception_Class,
                                         _Unwind_Exception* exception,
                                         _Unwind_Context* context) {
  const bool is_search = (actions & _UA_SEARCH_PHASE) != 0;
  if (version != 1) {
    return is_search ? _URC_FATAL_PHASE1_ERROR : _URC_FATAL_PHASE2_ERROR;
  }
  const auto& ways =
      *reinterpret_cast<const Ways*>(_Unwind_GetLanguageSpecificData(context));
  // The landing itself has the unwinder go on.
  if (_Unwind_GetIP(context) > At(ways.unwound)) return _URC_CONTINUE_UNWIND;
  if (is_search) return _URC_HANDLER_FOUND;
  const uintptr_t landing =
      At((actions & _UA_FORCE_UNWIND) != 0 ? ways.unwound : ways.caught);
  _Unwind_SetGR(context, __builtin_eh_return_data_regno(0),
                reinterpret_cast<uintptr_t>(exception));
  _Unwind_SetIP(context, landing);
  return _URC_INSTALL_CONTEXT;
}
