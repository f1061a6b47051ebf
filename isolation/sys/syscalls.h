// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// System calls without libc: nothing here sets errno, allocates, or is a
// cancellation point. Each returns the kernel's result, a negative errno on
// failure. Signal-safe throughout.

#ifndef BULKHEAD_ISOLATION_SYS_SYSCALLS_H_
#define BULKHEAD_ISOLATION_SYS_SYSCALLS_H_

#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bulkhead {
namespace sys {

inline long Call(long number, long a0 = 0, long a1 = 0, long a2 = 0,
                 long a3 = 0, long a4 = 0, long a5 = 0) {
  long result;
  register long r10 __asm__("r10") = a3;
  register long r8 __asm__("r8") = a4;
  register long r9 __asm__("r9") = a5;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8),
                     "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

template <typename T>
long Word(T* pointer) {
  return static_cast<long>(reinterpret_cast<intptr_t>(pointer));
}
inline long Word(uintptr_t address) { return static_cast<long>(address); }

// Whether a result that is an address or a negative errno is an error.
inline bool Failed(long result) { return result < 0 && result >= -4095; }

inline long Write(int descriptor, const void* data, size_t bytes) {
  return Call(SYS_write, descriptor, Word(data), Word(bytes));
}
inline long Read(int descriptor, void* data, size_t bytes) {
  return Call(SYS_read, descriptor, Word(data), Word(bytes));
}
inline long Open(const char* path, int flags, int mode = 0) {
  return Call(SYS_openat, -100 /* AT_FDCWD */, Word(path), flags, mode);
}
inline long Close(int descriptor) { return Call(SYS_close, descriptor); }
inline int GetPid() { return static_cast<int>(Call(SYS_getpid)); }
inline int GetTid() { return static_cast<int>(Call(SYS_gettid)); }
inline long TgKill(int pid, int tid, int signal) {
  return Call(SYS_tgkill, pid, tid, signal);
}

inline long Mmap(uintptr_t hint, size_t bytes, int protection, int flags,
                 int file = -1, long offset = 0) {
  return Call(SYS_mmap, Word(hint), Word(bytes), protection, flags, file,
              offset);
}
inline long Munmap(uintptr_t begin, size_t bytes) {
  return Call(SYS_munmap, Word(begin), Word(bytes));
}
inline long Mremap(uintptr_t begin, size_t bytes, size_t new_bytes, int flags,
                   uintptr_t target) {
  return Call(SYS_mremap, Word(begin), Word(bytes), Word(new_bytes), flags,
              Word(target));
}
inline long Mprotect(uintptr_t begin, size_t bytes, int protection) {
  return Call(SYS_mprotect, Word(begin), Word(bytes), protection);
}
inline long Madvise(uintptr_t begin, size_t bytes, int advice) {
  return Call(SYS_madvise, Word(begin), Word(bytes), advice);
}
// A byte for each page goes to `resident`; its lowest bit says so.
inline long Mincore(uintptr_t begin, size_t bytes, unsigned char* resident) {
  return Call(SYS_mincore, Word(begin), Word(bytes), Word(resident));
}
inline long Mlock2(uintptr_t begin, size_t bytes, int flags) {
  return Call(SYS_mlock2, Word(begin), Word(bytes), flags);
}
inline long Munlock(uintptr_t begin, size_t bytes) {
  return Call(SYS_munlock, Word(begin), Word(bytes));
}
inline long PkeyFree(int key) { return Call(SYS_pkey_free, key); }
#ifdef BULKHEAD_MODELLED
// The build that models protection keys where there are none: keys are numbers,
// and tagging pages costs what changing their protection does.
inline constexpr long kModelledKeys = 15;
inline long modelled_keys_taken = 0;
inline long PkeyAlloc(uint32_t) {
  return modelled_keys_taken < kModelledKeys ? ++modelled_keys_taken : -ENOSPC;
}
inline long PkeyMprotect(uintptr_t begin, size_t bytes, int protection, int) {
  return Mprotect(begin, bytes, protection);
}
#else
inline long PkeyAlloc(uint32_t rights) {
  return Call(SYS_pkey_alloc, 0, rights);
}
inline long PkeyMprotect(uintptr_t begin, size_t bytes, int protection,
                         int key) {
  return Call(SYS_pkey_mprotect, Word(begin), Word(bytes), protection, key);
}
#endif

inline long SetGsBase(const void* base) {
  return Call(SYS_arch_prctl, ARCH_SET_GS, Word(base));
}
inline long GetGsBase(uintptr_t* base) {
  return Call(SYS_arch_prctl, ARCH_GET_GS, Word(base));
}
inline long Membarrier(int command) {
  return Call(SYS_membarrier, command, 0, 0);
}
// `wanted` or `old` may be nullptr. The kernel's mask is 64 bits.
inline long SetSignalMask(const uint64_t* wanted, uint64_t* old) {
  return Call(SYS_rt_sigprocmask, SIG_SETMASK, Word(wanted), Word(old),
              sizeof(*wanted));
}
inline long UnblockSignals(uint64_t signals) {
  return Call(SYS_rt_sigprocmask, SIG_UNBLOCK, Word(&signals), 0,
              sizeof(signals));
}
// struct sigaction as the kernel has it, which is not glibc's.
struct KernelAction {
  uintptr_t handler = 0;
  uint64_t flags = 0;
  uintptr_t restorer = 0;
  uint64_t mask = 0;
};
inline long SetAction(int signal, const KernelAction* wanted,
                      KernelAction* old) {
  return Call(SYS_rt_sigaction, signal, Word(wanted), Word(old),
              sizeof(wanted->mask));
}
inline long QueueSignal(int pid, int tid, int signal, const void* info) {
  return Call(SYS_rt_tgsigqueueinfo, pid, tid, signal, Word(info));
}
inline long SigAltStack(const stack_t* wanted, stack_t* old) {
  return Call(SYS_sigaltstack, Word(wanted), Word(old));
}
inline long GetRlimit(int resource, struct rlimit* limit) {
  return Call(SYS_getrlimit, resource, Word(limit));
}
inline long FutexWait(uint32_t* word, uint32_t expected) {
  return Call(SYS_futex, Word(word), FUTEX_WAIT_PRIVATE, expected, 0);
}
inline long FutexWake(uint32_t* word, int threads) {
  return Call(SYS_futex, Word(word), FUTEX_WAKE_PRIVATE, threads);
}

}  // namespace sys
}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SYS_SYSCALLS_H_
