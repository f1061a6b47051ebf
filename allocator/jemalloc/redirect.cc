// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

extern "C" {
#include "allocator/jemalloc/redirect.h"
}

#include <errno.h>
#include <sys/mman.h>

#include "isolation/arch/layout.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/abort.h"
#include "isolation/sys/syscalls.h"

namespace {

constexpr uint64_t kNanoseconds = 1000000000;

BULKHEAD_SEALED constinit int last_error = 0;
BULKHEAD_SEALED constinit uint64_t last_nanoseconds = 0;

// jemalloc's metadata blocks are multiples of a huge page and aligned to one.
// Whoever asks for less, as its probe of madvise() does, gets a page.
size_t AlignmentFor(size_t size) {
  return size % bulkhead::kHugePageBytes == 0 ? bulkhead::kHugePageBytes
                                              : bulkhead::kPageBytes;
}

int Fail(int error) {
  last_error = error;
  return -1;
}

// What a system call returned, as libc returns it.
long ToErrno(long result) {
  return bulkhead::sys::Failed(result) ? Fail(static_cast<int>(-result))
                                       : result;
}

int Status(long result) { return static_cast<int>(ToErrno(result)); }

void CheckIsMetadata(const void* address, size_t size) {
  const bulkhead::PageRange region = bulkhead::reservation.metadata();
  const auto begin = reinterpret_cast<uintptr_t>(address);
  BULKHEAD_CHECK(begin >= region.begin && size <= region.bytes &&
                     begin <= region.end() - size,
                 "jemalloc touched pages outside the metadata region");
}

}  // namespace

extern "C" {

void* bulkhead_je_mmap(void* address, size_t size, int protection, int, int,
                       off_t) {
  if (address != nullptr) {
    if (bulkhead_je_mprotect(address, size, protection) != 0) {
      return MAP_FAILED;
    }
    return address;
  }
  void* memory = bulkhead::AllocateMetadata(size, AlignmentFor(size));
  if (memory == nullptr) {
    Fail(ENOMEM);
    return MAP_FAILED;
  }
  return memory;
}

int bulkhead_je_munmap(void* address, size_t size) {
  return bulkhead_je_madvise(address, size, MADV_DONTNEED);
}

int bulkhead_je_madvise(void* address, size_t size, int advice) {
  CheckIsMetadata(address, size);
  return Status(bulkhead::sys::Madvise(reinterpret_cast<uintptr_t>(address),
                                       size, advice));
}

int bulkhead_je_mprotect(void* address, size_t size, int protection) {
  CheckIsMetadata(address, size);
  return Status(bulkhead::sys::Mprotect(reinterpret_cast<uintptr_t>(address),
                                        size, protection));
}

int bulkhead_je_purge(void* address, size_t size) {
  return ToErrno(
      bulkhead::PurgeHeapPages({reinterpret_cast<uintptr_t>(address), size}));
}

int bulkhead_je_pthread_atfork(void (*)(void), void (*)(void), void (*)(void)) {
  return 0;
}

int bulkhead_je_atexit(void (*)(void)) { return 0; }

char* bulkhead_je_secure_getenv(const char*) { return nullptr; }

ssize_t bulkhead_je_readlink(const char*, char*, size_t) {
  return Fail(ENOENT);
}

int* bulkhead_je_errno_location() { return &last_error; }

char* bulkhead_je_strerror_r(int, char* buffer, size_t size) {
  if (size != 0) buffer[0] = '\0';
  return buffer;
}

void bulkhead_je_abort() { bulkhead::sys::Abort(); }

void bulkhead_je_look_up_time() {
  struct timespec time = {};
  bulkhead::sys::Call(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE,
                      bulkhead::sys::Word(&time));
  __atomic_store_n(&last_nanoseconds,
                   static_cast<uint64_t>(time.tv_sec) * kNanoseconds +
                       static_cast<uint64_t>(time.tv_nsec),
                   __ATOMIC_RELAXED);
}

int bulkhead_je_clock_gettime(clockid_t, struct timespec* time) {
  const uint64_t last = __atomic_load_n(&last_nanoseconds, __ATOMIC_RELAXED);
  time->tv_sec = static_cast<time_t>(last / kNanoseconds);
  time->tv_nsec = static_cast<long>(last % kNanoseconds);
  return 0;
}

pthread_t bulkhead_je_pthread_self() {
  pthread_t record;
  __asm__("mov %%gs:%c1, %0" : "=r"(record) : "i"(BH_RECORD_SELF));
  return record;
}

int bulkhead_je_sched_getaffinity(pid_t thread, size_t size, cpu_set_t* set) {
  for (size_t i = 0; i < sizeof(set->__bits) / sizeof(set->__bits[0]); ++i) {
    set->__bits[i] = 0;
  }
  const long result =
      bulkhead::sys::Call(SYS_sched_getaffinity, thread,
                          bulkhead::sys::Word(size), bulkhead::sys::Word(set));
  return Status(result > 0 ? 0 : result);
}

int bulkhead_je_sched_cpucount(size_t size, const cpu_set_t* set) {
  int count = 0;
  for (size_t i = 0; i < size / sizeof(set->__bits[0]); ++i) {
    for (__cpu_mask rest = set->__bits[i]; rest != 0; rest &= rest - 1) ++count;
  }
  return count;
}

long bulkhead_je_sysconf(int name) {
  if (name == _SC_PAGESIZE) return bulkhead::kPageBytes;
  if (name != _SC_NPROCESSORS_ONLN && name != _SC_NPROCESSORS_CONF) {
    return Fail(EINVAL);
  }
  cpu_set_t set;
  if (bulkhead_je_sched_getaffinity(0, sizeof(set), &set) != 0) return -1;
  return bulkhead_je_sched_cpucount(sizeof(set), &set);
}

int bulkhead_je_open(const char* path, int flags, ...) {
  return Status(bulkhead::sys::Open(path, flags));
}

int bulkhead_je_close(int file) { return Status(bulkhead::sys::Close(file)); }

ssize_t bulkhead_je_read(int file, void* buffer, size_t size) {
  return ToErrno(bulkhead::sys::Read(file, buffer, size));
}

ssize_t bulkhead_je_write(int file, const void* buffer, size_t size) {
  return ToErrno(bulkhead::sys::Write(file, buffer, size));
}

int bulkhead_je_sched_yield() {
  return Status(bulkhead::sys::Call(SYS_sched_yield));
}

pid_t bulkhead_je_getpid() { return bulkhead::sys::GetPid(); }

int bulkhead_je_creat(const char*, mode_t) { return Fail(ENOSYS); }

}  // extern "C"
