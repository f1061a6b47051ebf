// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

extern "C" {
#include "allocator/jemalloc/redirect.h"
}

#include <errno.h>
#include <sys/mman.h>

#include "isolation/base/raw_log.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"

namespace {

// jemalloc's metadata blocks are multiples of a huge page and aligned to one.
// Whoever asks for less, as its probe of madvise() does, gets a page.
size_t AlignmentFor(size_t size) {
  return size % bulkhead::kHugePageBytes == 0 ? bulkhead::kHugePageBytes
                                              : bulkhead::kPageBytes;
}

int ToErrno(long result) {
  if (result == 0) return 0;
  errno = static_cast<int>(-result);
  return -1;
}

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
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return memory;
}

int bulkhead_je_munmap(void* address, size_t size) {
  return bulkhead_je_madvise(address, size, MADV_DONTNEED);
}

int bulkhead_je_madvise(void* address, size_t size, int advice) {
  CheckIsMetadata(address, size);
  return ToErrno(bulkhead::sys::Madvise(reinterpret_cast<uintptr_t>(address),
                                        size, advice));
}

int bulkhead_je_mprotect(void* address, size_t size, int protection) {
  CheckIsMetadata(address, size);
  return ToErrno(bulkhead::sys::Mprotect(reinterpret_cast<uintptr_t>(address),
                                         size, protection));
}

int bulkhead_je_purge(void* address, size_t size) {
  return ToErrno(bulkhead::sys::Madvise(reinterpret_cast<uintptr_t>(address),
                                        size, MADV_DONTNEED));
}

int bulkhead_je_pthread_atfork(void (*)(void), void (*)(void), void (*)(void)) {
  return 0;
}

int bulkhead_je_atexit(void (*)(void)) { return 0; }

char* bulkhead_je_secure_getenv(const char*) { return nullptr; }

ssize_t bulkhead_je_readlink(const char*, char*, size_t) {
  errno = ENOENT;
  return -1;
}

}  // extern "C"
