// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/libc/forward.h"

#include <dlfcn.h>
#include <errno.h>

#include "isolation/base/raw_log.h"
#include "isolation/domain/reservation.h"
#include "isolation/libc/objects.h"
#include "isolation/libc/prepare.h"

namespace bulkhead {
namespace {

struct Served {
  const char* name;
  Remembered slot;
};

constexpr Served kServed[] = {
#define BH_SERVED(name) {#name, Remembered::kLibcs_##name},
#include "isolation/thread/served.inc"
#undef BH_SERVED
};

// A report's walk of the stack asks for it, and must not look for anything.
__attribute__((constructor)) void FindForReports() {
  FindLibcs("_dl_find_object", Remembered::kLibcs__dl_find_object);
}

}  // namespace

uintptr_t FindLibcs(const char* name, Remembered slot) {
  const int saved_errno = errno;
  const auto found = reinterpret_cast<uintptr_t>(dlsym(RTLD_NEXT, name));
  BULKHEAD_CHECK(found != 0, "libc lacks a function that sandboxes need");
  if (reservation.bytes() != 0) Remember(slot, found);
  errno = saved_errno;
  return found;
}

bool PrepareLibc() {
  for (const Served& served : kServed) {
    if (Recall(served.slot) == 0) FindLibcs(served.name, served.slot);
  }
  return TakeObjects();
}

}  // namespace bulkhead
