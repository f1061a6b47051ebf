// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the parts of libbulkhead.so want of a C++ library. It links none: a
// program in C would have to load it at every start.

#include <dlfcn.h>
#include <unistd.h>
#include <unwind.h>

#include "isolation/base/raw_log.h"

namespace bulkhead {
namespace {

// The program's own function of that name: a definition here is hidden, and the
// look-up does not find it.
template <typename Function>
Function FromProgram(const char* mangled) {
  const auto own = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, mangled));
  BULKHEAD_CHECK(own != nullptr, "an exception without a C++ library");
  return own;
}

}  // namespace
}  // namespace bulkhead

// std::thread::hardware_concurrency(), which abseil's locks ask for.
extern "C" unsigned bulkhead_hardware_concurrency() __asm__(
    "_ZNSt6thread20hardware_concurrencyEv");
extern "C" unsigned bulkhead_hardware_concurrency() {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors > 0 ? static_cast<unsigned>(processors) : 0;
}

// Exceptions pass through the shared object (a new-handler's, std::bad_alloc).
// Its frames name this personality routine, which hands over to that of the
// program's own C++ library; where there is none, there are no exceptions.
extern "C" _Unwind_Reason_Code __gxx_personality_v0(
    int version, _Unwind_Action actions,
    _Unwind_Exception_Class exception_class, _Unwind_Exception* exception,
    _Unwind_Context* context);

extern "C" _Unwind_Reason_Code __gxx_personality_v0(
    int version, _Unwind_Action actions,
    _Unwind_Exception_Class exception_class, _Unwind_Exception* exception,
    _Unwind_Context* context) {
  const auto own = bulkhead::FromProgram<decltype(&__gxx_personality_v0)>(
      "__gxx_personality_v0");
  return own(version, actions, exception_class, exception, context);
}

// What the frames' own code calls: where operators.cc catches, and, as clang
// compiles them, where a function that is noexcept ends the process.
extern "C" void* __cxa_begin_catch(void* exception);
extern "C" void __cxa_end_catch();

extern "C" void* __cxa_begin_catch(void* exception) {
  return bulkhead::FromProgram<decltype(&__cxa_begin_catch)>(
      "__cxa_begin_catch")(exception);
}

extern "C" void __cxa_end_catch() {
  bulkhead::FromProgram<decltype(&__cxa_end_catch)>("__cxa_end_catch")();
}

extern "C" [[noreturn]] void bulkhead_terminate() __asm__("_ZSt9terminatev");
extern "C" [[noreturn]] void bulkhead_terminate() {
  bulkhead::FromProgram<void (*)()>("_ZSt9terminatev")();
  bulkhead::Die("std::terminate() returned");
}
