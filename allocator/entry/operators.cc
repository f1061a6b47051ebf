// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The twenty replaceable allocation functions of C++ ([new.delete]).

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

#include <new>

#include "allocator/heap/fast_path.h"
#include "allocator/heap/heap.h"
#include "isolation/base/raw_log.h"
#include "isolation/thread/current.h"

#define BULKHEAD_EXPORT __attribute__((visibility("default")))

namespace bulkhead {
namespace {

constexpr size_t kDefaultAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void* TryAllocate(size_t size, size_t alignment) {
  if (alignment <= kDefaultAlignment) return malloc(size);
  return Allocate(size, alignment, Fill::kNone);
}

// A function of the program's own C++ library. Bulkhead links none: a program
// in C would have to load it, and an exception thrown by a second copy would
// not be counted by the first.
template <typename Function>
Function FromProgram(const char* mangled) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, mangled));
}

// Asks the new-handler for memory until there is some. nullptr: no handler.
void* AllocateWithHandler(size_t size, size_t alignment) {
  const auto get_handler =
      FromProgram<std::new_handler (*)()>("_ZSt15get_new_handlerv");
  for (;;) {
    const std::new_handler handler =
        get_handler != nullptr ? get_handler() : nullptr;
    if (handler == nullptr) return nullptr;
    handler();
    void* block = TryAllocate(size, alignment);
    if (block != nullptr) return block;
  }
}

void* AllocateOrThrow(size_t size, size_t alignment) {
  void* block = TryAllocate(size, alignment);
  if (__builtin_expect(block != nullptr, true)) return block;
  block = AllocateWithHandler(size, alignment);
  if (block != nullptr) return block;
  const auto throw_bad_alloc =
      FromProgram<void (*)()>("_ZSt17__throw_bad_allocv");
  if (throw_bad_alloc != nullptr) throw_bad_alloc();
  Die("operator new: no memory, and no C++ library to throw std::bad_alloc");
}

void* AllocateOrNull(size_t size, size_t alignment) noexcept {
  void* block = TryAllocate(size, alignment);
  if (__builtin_expect(block != nullptr, true)) return block;
  // A handler may throw; the nothrow forms turn that into nullptr.
  try {
    return AllocateWithHandler(size, alignment);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace
}  // namespace bulkhead

using bulkhead::AllocateOrNull;
using bulkhead::AllocateOrThrow;
using bulkhead::kDefaultAlignment;
using std::align_val_t;
using std::nothrow_t;

#define BULKHEAD_FREE_ALIGNED(pointer, size, alignment)                \
  bulkhead::FreeAligned(pointer, size, static_cast<size_t>(alignment), \
                        __builtin_return_address(0))

// The commonest ones are in fast_path.S.
extern "C" void* bulkhead_new(size_t size) {
  return AllocateOrThrow(size, kDefaultAlignment);
}

BULKHEAD_EXPORT void* operator new(size_t size, const nothrow_t&) noexcept {
  return AllocateOrNull(size, kDefaultAlignment);
}
BULKHEAD_EXPORT void* operator new[](size_t size, const nothrow_t&) noexcept {
  return AllocateOrNull(size, kDefaultAlignment);
}
BULKHEAD_EXPORT void* operator new(size_t size, align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<size_t>(alignment));
}
BULKHEAD_EXPORT void* operator new[](size_t size, align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<size_t>(alignment));
}
BULKHEAD_EXPORT void* operator new(size_t size, align_val_t alignment,
                                   const nothrow_t&) noexcept {
  return AllocateOrNull(size, static_cast<size_t>(alignment));
}
BULKHEAD_EXPORT void* operator new[](size_t size, align_val_t alignment,
                                     const nothrow_t&) noexcept {
  return AllocateOrNull(size, static_cast<size_t>(alignment));
}

BULKHEAD_EXPORT void operator delete(void* p, const nothrow_t&) noexcept {
  free(p);
}
BULKHEAD_EXPORT void operator delete[](void* p, const nothrow_t&) noexcept {
  free(p);
}
BULKHEAD_EXPORT void operator delete(void* p, align_val_t) noexcept { free(p); }
BULKHEAD_EXPORT void operator delete[](void* p, align_val_t) noexcept {
  free(p);
}
BULKHEAD_EXPORT void operator delete(void* p, size_t size,
                                     align_val_t alignment) noexcept {
  BULKHEAD_FREE_ALIGNED(p, size, alignment);
}
BULKHEAD_EXPORT void operator delete[](void* p, size_t size,
                                       align_val_t alignment) noexcept {
  BULKHEAD_FREE_ALIGNED(p, size, alignment);
}
BULKHEAD_EXPORT void operator delete(void* p, align_val_t,
                                     const nothrow_t&) noexcept {
  free(p);
}
BULKHEAD_EXPORT void operator delete[](void* p, align_val_t,
                                       const nothrow_t&) noexcept {
  free(p);
}
