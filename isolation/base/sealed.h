// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Static data on pages of its own, so that it can be put out of reach of the rest
// of the process once Bulkhead has started. isolation/base/sealed.lds collects
// it; tests/seal shows that nothing was forgotten.

#ifndef BULKHEAD_ISOLATION_BASE_SEALED_H_
#define BULKHEAD_ISOLATION_BASE_SEALED_H_

#include "isolation/base/ids.h"

// Of a variable that the monitor alone writes: it gets the key of metadata.
#define BULKHEAD_SEALED __attribute__((section("bulkhead_sealed")))

// Of a variable that nobody writes after start: it becomes read-only, and can be
// read where the key of metadata is closed, as at the start of a signal handler.
#define BULKHEAD_CONSTANT_AFTER_START \
  __attribute__((section("bulkhead_settled")))

// Laid out by the linker.
extern "C" {
extern unsigned char bulkhead_sealed_begin[]
    __attribute__((visibility("hidden")));
extern unsigned char bulkhead_sealed_end[]
    __attribute__((visibility("hidden")));
extern unsigned char bulkhead_sealed_bss_begin[]
    __attribute__((visibility("hidden")));
extern unsigned char bulkhead_sealed_bss_end[]
    __attribute__((visibility("hidden")));
extern unsigned char bulkhead_settled_begin[]
    __attribute__((visibility("hidden")));
extern unsigned char bulkhead_settled_end[]
    __attribute__((visibility("hidden")));
}

namespace bulkhead {

// The monitor's: what has a value at start, and what has none.
inline PageRange SealedData() {
  return {reinterpret_cast<uintptr_t>(bulkhead_sealed_begin),
          static_cast<size_t>(bulkhead_sealed_end - bulkhead_sealed_begin)};
}

inline PageRange SealedZeros() {
  return {
      reinterpret_cast<uintptr_t>(bulkhead_sealed_bss_begin),
      static_cast<size_t>(bulkhead_sealed_bss_end - bulkhead_sealed_bss_begin)};
}

inline PageRange SettledData() {
  return {reinterpret_cast<uintptr_t>(bulkhead_settled_begin),
          static_cast<size_t>(bulkhead_settled_end - bulkhead_settled_begin)};
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_SEALED_H_
