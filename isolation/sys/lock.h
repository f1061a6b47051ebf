// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A mutual-exclusion lock on a futex: usable beneath malloc and in static
// storage. Not recursive, not signal-safe.

#ifndef BULKHEAD_ISOLATION_SYS_LOCK_H_
#define BULKHEAD_ISOLATION_SYS_LOCK_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {

class ABSL_LOCKABLE Lock {
 public:
  constexpr Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void Acquire() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    for (int i = 0; i < kSpins; ++i) {
      uint32_t seen = kFree;
      if (__atomic_compare_exchange_n(&word_, &seen, kHeld, false,
                                      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return;
      }
      if (seen == kContended) break;
      __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(&word_, kContended, __ATOMIC_ACQUIRE) != kFree) {
      sys::FutexWait(&word_, kContended);
    }
  }

  void Release() ABSL_UNLOCK_FUNCTION() {
    if (__atomic_exchange_n(&word_, kFree, __ATOMIC_RELEASE) == kContended) {
      sys::FutexWake(&word_, 1);
    }
  }

 private:
  // Most holders are done within a microsecond, which a system call takes too.
  static constexpr int kSpins = 40;

  enum : uint32_t { kFree = 0, kHeld = 1, kContended = 2 };

  uint32_t word_ = kFree;
};

class ABSL_SCOPED_LOCKABLE LockHolder {
 public:
  explicit LockHolder(Lock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock)
      : lock_(lock) {
    lock_.Acquire();
  }
  ~LockHolder() ABSL_UNLOCK_FUNCTION() { lock_.Release(); }
  LockHolder(const LockHolder&) = delete;
  LockHolder& operator=(const LockHolder&) = delete;

 private:
  Lock& lock_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SYS_LOCK_H_
