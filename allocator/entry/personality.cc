// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// C++ exceptions pass through libbulkhead.so (a new-handler's, std::bad_alloc),
// but it links no C++ library: a program in C would have to load it at every
// start. Frames of the shared object name this function as their personality
// routine; it hands over to that of the program's own C++ library. Where there
// is none, there are no exceptions.

#include <dlfcn.h>
#include <unwind.h>

#include "isolation/base/raw_log.h"

extern "C" _Unwind_Reason_Code __gxx_personality_v0(
    int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
    _Unwind_Exception* exception, _Unwind_Context* context);

extern "C" _Unwind_Reason_Code __gxx_personality_v0(
    int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
    _Unwind_Exception* exception, _Unwind_Context* context) {
  // This definition is hidden: the look-up finds the program's.
  const auto own = reinterpret_cast<decltype(&__gxx_personality_v0)>(
      dlsym(RTLD_DEFAULT, "__gxx_personality_v0"));
  BULKHEAD_CHECK(own != nullptr, "an exception without a C++ library");
  return own(version, actions, exception_class, exception, context);
}
