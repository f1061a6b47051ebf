// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The C side of the malloc family, with glibc's contracts. No logic beyond
// arguments and errno.

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "allocator/heap/heap.h"
#include "allocator/stats/malloc_info.h"
#include "isolation/thread/current.h"

#define BULKHEAD_EXPORT extern "C" __attribute__((visibility("default")))
#define BULKHEAD_ALIAS(name) \
  __attribute__((visibility("default"), alias(#name)))

namespace bulkhead {
namespace {

constexpr size_t kAlignment = alignof(max_align_t);

bool IsPowerOfTwo(size_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

void* AllocateHere(size_t size, size_t alignment, Fill fill) {
  void* block = Allocate(size, alignment, fill);
  if (__builtin_expect(block == nullptr, false)) errno = ENOMEM;
  return block;
}

// memalign() of glibc takes any alignment and rounds it up to a power of two.
void* AllocateAligned(size_t alignment, size_t size) {
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return nullptr;
  }
  size_t power = kAlignment;
  while (power < alignment) power *= 2;
  return AllocateHere(size, power, Fill::kNone);
}

// A program may ask for a compartment, or its options for a level, before it
// allocates anything. Ahead of its own constructors.
__attribute__((constructor(101))) void StartBeforeMain() { EnterHeap(); }

}  // namespace
}  // namespace bulkhead

// C23, and not in this libc's headers.
extern "C" {
void free_aligned_sized(void* pointer, size_t alignment, size_t size);
}

using bulkhead::AllocateAligned;
using bulkhead::AllocateHere;
using bulkhead::Fill;
using bulkhead::kAlignment;
using bulkhead::kPageBytes;

BULKHEAD_EXPORT void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return AllocateHere(bytes, kAlignment, Fill::kZero);
}

BULKHEAD_EXPORT void* realloc(void* pointer, size_t size) {
  if (pointer == nullptr) {
    return malloc(size);
  }
  if (size == 0) {
    free(pointer);
    return nullptr;
  }
  void* block = bulkhead::Resize(pointer, size, __builtin_return_address(0));
  if (__builtin_expect(block == nullptr, false)) errno = ENOMEM;
  return block;
}

BULKHEAD_EXPORT void* reallocarray(void* pointer, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(pointer, bytes);
}

BULKHEAD_EXPORT void* memalign(size_t alignment, size_t size) {
  return AllocateAligned(alignment, size);
}

BULKHEAD_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return AllocateAligned(alignment, size);
}

BULKHEAD_EXPORT int posix_memalign(void** result, size_t alignment,
                                   size_t size) {
  if (!bulkhead::IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) {
    return EINVAL;
  }
  const int saved_errno = errno;
  void* block = AllocateHere(
      size, alignment < kAlignment ? kAlignment : alignment, Fill::kNone);
  errno = saved_errno;
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

BULKHEAD_EXPORT void* valloc(size_t size) {
  return AllocateHere(size, kPageBytes, Fill::kNone);
}

BULKHEAD_EXPORT void* pvalloc(size_t size) {
  if (size > SIZE_MAX - kPageBytes) {
    errno = ENOMEM;
    return nullptr;
  }
  return AllocateHere(bulkhead::RoundUp(size, kPageBytes), kPageBytes,
                      Fill::kNone);
}

BULKHEAD_EXPORT size_t malloc_usable_size(void* pointer) {
  if (pointer == nullptr) return 0;
  return bulkhead::UsableSize(pointer, __builtin_return_address(0));
}

BULKHEAD_EXPORT void free_aligned_sized(void* pointer, size_t alignment,
                                        size_t size) {
  bulkhead::FreeAligned(pointer, size, alignment, __builtin_return_address(0));
}

BULKHEAD_EXPORT int malloc_trim(size_t) {
  bulkhead::EnterHeap();
  bulkhead::PurgeHeaps();
  return 1;
}

// No parameter of glibc's heap means anything here; 1 is success.
BULKHEAD_EXPORT int mallopt(int, int) { return 1; }

BULKHEAD_EXPORT struct mallinfo2 mallinfo2(void) {
  bulkhead::EnterHeap();
  return bulkhead::MallocInfo();
}

BULKHEAD_EXPORT struct mallinfo mallinfo(void) {
  bulkhead::EnterHeap();
  return bulkhead::Narrowed(bulkhead::MallocInfo());
}

BULKHEAD_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) return EINVAL;
  bulkhead::EnterHeap();
  return bulkhead::WriteMallocInfo(stream);
}

BULKHEAD_EXPORT void malloc_stats(void) {
  bulkhead::EnterHeap();
  bulkhead::WriteMallocStats();
}

// Names under which old programs and libc's own parts know the same functions.
extern "C" {
void* __libc_calloc(size_t count, size_t size) BULKHEAD_ALIAS(calloc);
void* __libc_realloc(void* pointer, size_t size) BULKHEAD_ALIAS(realloc);
void* __libc_memalign(size_t alignment, size_t size) BULKHEAD_ALIAS(memalign);
void* __libc_valloc(size_t size) BULKHEAD_ALIAS(valloc);
void* __libc_pvalloc(size_t size) BULKHEAD_ALIAS(pvalloc);
int __posix_memalign(void** result, size_t alignment, size_t size)
    BULKHEAD_ALIAS(posix_memalign);
}
