// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a wrapped function of libc's calls.

#ifndef BULKHEAD_ISOLATION_THREAD_LIBC_FUNCTION_H_
#define BULKHEAD_ISOLATION_THREAD_LIBC_FUNCTION_H_

#include <dlfcn.h>

#include "isolation/base/raw_log.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/remembered.h"

namespace bulkhead {

// libc's function of that name, found once.
template <typename Function>
Function LibcFunction(const char* name, Remembered slot) {
  uint64_t found = Recall(slot);
  if (found == 0) {
    found = reinterpret_cast<uintptr_t>(dlsym(RTLD_NEXT, name));
    BULKHEAD_CHECK(found != 0, "libc lacks a function on threads");
    Remember(slot, found);
  }
  return reinterpret_cast<Function>(found);
}

// While it lives, malloc serves the root's heap in the calling thread, whatever
// its domain: libc makes what every domain will use, and what outlives the
// compartment that the thread may be in.
class ServingLibc {
 public:
  ServingLibc() { CallMonitor(*CurrentRecord(), MonitorCall::kServeLibc, 1); }
  ~ServingLibc() { CallMonitor(*CurrentRecord(), MonitorCall::kServeLibc, 0); }
  ServingLibc(const ServingLibc&) = delete;
  ServingLibc& operator=(const ServingLibc&) = delete;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_LIBC_FUNCTION_H_
