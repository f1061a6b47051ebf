// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What is found out once, after the start, and must not change any more.

#ifndef BULKHEAD_ISOLATION_THREAD_REMEMBERED_H_
#define BULKHEAD_ISOLATION_THREAD_REMEMBERED_H_

#include <cstdint>

namespace bulkhead {

enum class Remembered : uint64_t {
  kExitKey,  // the pthread_key_t whose destructor says goodbye, plus 1
  kPthreadCreate,
  kThrdCreate,
  kPthreadCancel,
  kUnwinderLoaded,  // 1: libc has loaded what unwinds a thread that ends
  kCancelHandler,   // libc's own
  kUserHandler,     // libc's own
  kBeginCatch,      // the program's __cxa_begin_catch
  kEndCatch,
// libc's functions that stand behind Bulkhead's own.
#define BH_SERVED(name) kLibcs_##name,
#include "isolation/thread/served.inc"
#undef BH_SERVED
  kNone
};
inline constexpr auto kRememberedSlots =
    static_cast<uint64_t>(Remembered::kNone);

// The value of the slot; 0: none yet. Thread-safe, signal-safe.
uint64_t Recall(Remembered slot);

// Gives the slot its value, which is not 0; a second value is ignored.
// Thread-safe. REQUIRES: the library is initialised.
void Remember(Remembered slot, uint64_t value);

// What the monitor does for the above.
void KeepInSlot(uint64_t slot, uint64_t value);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_REMEMBERED_H_
