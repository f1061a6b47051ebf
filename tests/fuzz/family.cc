// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/family.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include <algorithm>
#include <new>

// C23, and not in this libc's headers.
extern "C" {
void free_sized(void* block, size_t size);
void free_aligned_sized(void* block, size_t alignment, size_t size);
}

namespace bulkhead_fuzz {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kNatural = 16;

bool IsAligned(Kind kind) {
  return kind == Kind::kAlignedNew || kind == Kind::kAlignedAlloc ||
         kind == Kind::kMemalign || kind == Kind::kPosixMemalign ||
         kind == Kind::kBhAlignedAlloc;
}

// Hides where a value comes from: compilers know that these calls must fail.
template <typename T>
T Launder(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

}  // namespace

size_t ServedSize(Kind kind, size_t size) {
  return kind == Kind::kPvalloc ? (size + kPage - 1) & ~(kPage - 1) : size;
}

size_t ServedAlignment(Kind kind, size_t alignment) {
  if (kind == Kind::kValloc || kind == Kind::kPvalloc) return kPage;
  return IsAligned(kind) ? std::max(alignment, kNatural) : kNatural;
}

void* Family::Allocate(Kind kind, size_t size, size_t alignment,
                       bh_compartment heap) {
  switch (kind) {
    case Kind::kCalloc:
      return size % 3 == 0 ? calloc(3, size / 3) : calloc(size, 1);
    case Kind::kNew:
      return ::operator new(size, std::nothrow);
    case Kind::kAlignedNew:
      return ::operator new (size, std::align_val_t{alignment}, std::nothrow);
    case Kind::kAlignedAlloc:
      return aligned_alloc(alignment, size);
    case Kind::kMemalign:
      return memalign(alignment, size);
    case Kind::kPosixMemalign: {
      void* block = nullptr;
      return posix_memalign(&block, std::max(alignment, sizeof(void*)), size) ==
                     0
                 ? block
                 : nullptr;
    }
    case Kind::kValloc:
      return valloc(size);
    case Kind::kPvalloc:
      return pvalloc(size);
    case Kind::kReallocOfNothing:
      return realloc(nullptr, size);
    case Kind::kBhMalloc:
      return bh_malloc(heap, size);
    case Kind::kBhAlignedAlloc:
      return bh_aligned_alloc(heap, alignment, size);
    default:
      return malloc(size);
  }
}

void Family::Free(Kind kind, void* block, size_t size, size_t alignment) {
  switch (kind) {
    case Kind::kFreeSized:
      if (alignment > kNatural) {
        free_aligned_sized(block, alignment, size);
      } else {
        free_sized(block, size);
      }
      return;
    case Kind::kDelete:
      if (alignment > kNatural) {
        ::operator delete (block, std::align_val_t{alignment});
      } else {
        ::operator delete(block);
      }
      return;
    case Kind::kDeleteSized:
      if (alignment > kNatural) {
        ::operator delete[](block, size, std::align_val_t{alignment});
      } else {
        ::operator delete[](block, size);
      }
      return;
    default:
      free(block);
      return;
  }
}

void* Family::Resize(Kind kind, void* block, size_t size) {
  if (kind == Kind::kReallocarray) {
    return size % 2 == 0 ? reallocarray(block, size / 2, 2)
                         : reallocarray(block, 1, size);
  }
  return realloc(block, size);
}

size_t Family::UsableSize(void* block) { return malloc_usable_size(block); }

void Family::Trim() { malloc_trim(0); }

const char* TryRefused(unsigned which, void* block) {
  const size_t huge = Launder(SIZE_MAX - which * size_t{4096});
  const size_t half = Launder(SIZE_MAX / 2 + 1 + which);
  errno = 0;
  void* given = nullptr;
  const char* name = nullptr;
  switch (which % 8) {
    case 0:
      name = "malloc";
      given = malloc(huge);
      break;
    case 1:
      name = "calloc";
      given = calloc(half, 2 + which);
      break;
    case 2:
      name = "aligned_alloc";
      given = aligned_alloc(64, huge);
      break;
    case 3:
      name = "operator new";
      given = ::operator new(half, std::nothrow);
      errno = ENOMEM;
      break;
    case 4: {
      void* untouched = block;
      const int status = posix_memalign(&untouched, 24, 64);
      return status == EINVAL && untouched == block ? nullptr
                                                    : "posix_memalign";
    }
    case 5:
      name = "pvalloc";
      given = pvalloc(huge);
      break;
    case 6:
      if (block == nullptr) return nullptr;
      name = "realloc";
      given = realloc(block, half);
      break;
    default:
      if (block == nullptr) return nullptr;
      name = "reallocarray";
      given = reallocarray(block, half, 2);
      break;
  }
  if (given == nullptr && errno == ENOMEM) return nullptr;
  free(given);
  return name;
}

}  // namespace bulkhead_fuzz
