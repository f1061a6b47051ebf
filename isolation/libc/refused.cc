// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What code in a sandbox may not do, since it would change the whole program.

#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <pthread.h>

#include "isolation/libc/forward.h"
#include "isolation/thread/current.h"
#include "isolation/violation/report.h"

extern "C" {
int __cxa_atexit(void (*function)(void*), void* argument, void* library);
// What dlopen() in load.S goes on with.
__attribute__((visibility("hidden"))) uintptr_t bulkhead_find_dlopen(
    uintptr_t caller);
}

namespace bulkhead {
namespace {

template <typename Function>
[[noreturn]] void ReportCall(Function* called, uintptr_t caller) {
  ViolationPlace place;
  place.address = reinterpret_cast<uintptr_t>(called);
  place.program_counter = caller;
  place.after_call = true;
  place.domain = CurrentCompartment(*CurrentRecord());
  ReportViolation(ViolationKind::kRefusedCall, place);
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::RunsInSandbox;

uintptr_t bulkhead_find_dlopen(uintptr_t caller) {
  if (RunsInSandbox()) bulkhead::ReportCall(&dlopen, caller);
  return reinterpret_cast<uintptr_t>(BULKHEAD_LIBCS(dlopen));
}

// atexit() and the destructors of C++'s static variables end here.
BULKHEAD_SERVES int __cxa_atexit(void (*function)(void*), void* argument,
                                 void* library) {
  if (RunsInSandbox()) {
    bulkhead::ReportCall(&__cxa_atexit, reinterpret_cast<uintptr_t>(
                                            __builtin_return_address(0)));
  }
  return BULKHEAD_LIBCS(__cxa_atexit)(function, argument, library);
}

BULKHEAD_SERVES int pthread_key_create(pthread_key_t* key,
                                       void (*destructor)(void*)) {
  if (RunsInSandbox()) return EPERM;
  return BULKHEAD_LIBCS(pthread_key_create)(key, destructor);
}

// A document's author chooses what it is written in, and so may ask for this.
BULKHEAD_SERVES iconv_t iconv_open(const char* to, const char* from) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(iconv_open)(to, from);
  errno = EINVAL;
  return reinterpret_cast<iconv_t>(-1);
}
