// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/restartable.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "isolation/arch/cpu.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

// glibc 2.35 and later (sys/rseq.h): where the area lies relative to the thread
// pointer, and its size, 0 if it is not registered.
extern "C" {
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
}

namespace bulkhead {
namespace {

constexpr long kUnregister = 1;          // RSEQ_FLAG_UNREGISTER
constexpr long kSignature = 0x53053053;  // RSEQ_SIG on x86
constexpr long kAreaBytes = 32;          // as libc registers it

}  // namespace

void UnregisterRestartableSequences() {
  if (&__rseq_size == nullptr || __rseq_size == 0) return;
  const uintptr_t area =
      ThreadControlBlock() + static_cast<uintptr_t>(__rseq_offset);
  const long result =
      sys::Call(SYS_rseq, sys::Word(area), kAreaBytes, kUnregister, kSignature);
  // EINVAL: this thread has none, or not any more.
  BULKHEAD_CHECK(result == 0 || result == -EINVAL || result == -ENOSYS,
                 "the kernel refused to unregister rseq");
}

}  // namespace bulkhead
