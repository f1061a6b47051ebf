/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for a header of macOS, by whose lock jemalloc can do without
 * pthread_mutex_t: a lock on a futex, as isolation/sys/lock.h has in C++.
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_OS_LOCK_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_OS_LOCK_H_

#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* 0: free; 1: held; 2: held, and someone may wait. */
typedef struct os_unfair_lock_s {
  uint32_t word;
} os_unfair_lock;

#define OS_UNFAIR_LOCK_INIT ((os_unfair_lock){0})

static inline void os_unfair_lock_futex(os_unfair_lock* lock, long operation,
                                        long value) {
  long result;
  register long no_timeout __asm__("r10") = 0;

  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((long)SYS_futex), "D"(&lock->word), "S"(operation),
                     "d"(value), "r"(no_timeout)
                   : "rcx", "r11", "memory");
  (void)result;
}

static inline bool os_unfair_lock_trylock(os_unfair_lock* lock) {
  uint32_t seen = 0;

  return __atomic_compare_exchange_n(&lock->word, &seen, 1, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void os_unfair_lock_lock(os_unfair_lock* lock) {
  if (os_unfair_lock_trylock(lock)) {
    return;
  }
  while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0) {
    os_unfair_lock_futex(lock, FUTEX_WAIT_PRIVATE, 2);
  }
}

static inline void os_unfair_lock_unlock(os_unfair_lock* lock) {
  if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2) {
    os_unfair_lock_futex(lock, FUTEX_WAKE_PRIVATE, 1);
  }
}

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_OS_LOCK_H_ */
