// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The functions of libc that stand behind those that are defined here.

#ifndef BULKHEAD_ISOLATION_LIBC_FORWARD_H_
#define BULKHEAD_ISOLATION_LIBC_FORWARD_H_

#include <cstdint>

#include "bulkhead/bulkhead.h"
#include "isolation/thread/remembered.h"

// Of a function that stands before libc's own. Weak: a program that is linked
// with Bulkhead may have a function of that name.
#define BULKHEAD_SERVES extern "C" BULKHEAD_API __attribute__((weak))

// libc's own function of that name.
#define BULKHEAD_LIBCS(name)               \
  ::bulkhead::LibcsOwn<decltype(&::name)>( \
      #name, ::bulkhead::Remembered::kLibcs_##name)

namespace bulkhead {

// Looks for the function, and remembers it if the library is initialised. Keeps
// errno. Dies if there is none.
uintptr_t FindLibcs(const char* name, Remembered slot);

template <typename Function>
Function LibcsOwn(const char* name, Remembered slot) {
  uint64_t found = Recall(slot);
  if (__builtin_expect(found == 0, false)) found = FindLibcs(name, slot);
  return reinterpret_cast<Function>(found);
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_FORWARD_H_
