// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the unwinder asks about the frames of gate.S.

#include <unwind.h>

#include <cstdint>

extern "C" __attribute__((visibility("hidden"))) _Unwind_Reason_Code
bulkhead_personality(int version, _Unwind_Action actions,
                     _Unwind_Exception_Class exception_class,
                     _Unwind_Exception* exception, _Unwind_Context* context);

// A thread that ends is unwound by force: it goes on at the frame's landing,
// which is all that the frame's language-specific data says. An exception lies
// in the heap of the compartment that it would leave: whoever throws it is told
// that nobody catches it, which ends the process.
_Unwind_Reason_Code bulkhead_personality(int version, _Unwind_Action actions,
                                         _Unwind_Exception_Class,
                                         _Unwind_Exception* exception,
                                         _Unwind_Context* context) {
  if (version != 1 || (actions & _UA_FORCE_UNWIND) == 0) {
    return (actions & _UA_SEARCH_PHASE) != 0 ? _URC_FATAL_PHASE1_ERROR
                                             : _URC_FATAL_PHASE2_ERROR;
  }
  const auto landing =
      reinterpret_cast<uintptr_t>(_Unwind_GetLanguageSpecificData(context));
  // The landing itself has the unwinder go on; nothing else is behind it.
  if (_Unwind_GetIP(context) > landing) return _URC_CONTINUE_UNWIND;
  _Unwind_SetGR(context, __builtin_eh_return_data_regno(0),
                reinterpret_cast<uintptr_t>(exception));
  _Unwind_SetIP(context, landing);
  return _URC_INSTALL_CONTEXT;
}
