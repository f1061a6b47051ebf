// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Containers of the standard library on the heap of one compartment, whichever
// compartment runs: the allocator is part of the container's type. See
// memory_resource.h for std::pmr containers.
//
//   using Bytes = std::vector<char, bulkhead::Allocator<char>>;
//
//   void Keep(const char* text, size_t size) {  // an entry
//     const bulkhead::Compartment own(bh_current());
//     kept = new Bytes(text, text + size, bulkhead::Allocator<char>(own));
//   }
//
// Inside, malloc serves the current compartment's heap, and so does
// std::allocator, without a call of the monitor. This one is for code that must
// not depend on where it runs: secrets must not end up in another heap when the
// code that handles them is called from there.

#ifndef BULKHEAD_ALLOCATOR_H_
#define BULKHEAD_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include "bulkhead/compartment.h"

namespace bulkhead {

namespace internal_allocator {

// `size` bytes of the compartment's heap, or std::bad_alloc.
void* Allocate(const Compartment& compartment, size_t size, size_t alignment);

[[noreturn]] void ThrowBadArrayNewLength();

}  // namespace internal_allocator

// Allocates from one compartment's heap, from any domain. A container that has
// one is used inside that compartment, or in a domain that includes it: outside
// its memory can be neither reached nor freed, and a try is a violation.
//
// The container itself and its allocator must lie inside, too: who can write to
// them elsewhere decides where the next elements go, and whoever fills them
// becomes a deputy.
//
// A container stays in its compartment for life. Copies of it are made there;
// assignment, copying or moving, from a container of another compartment copies
// or moves the elements and leaves both where they are. Containers of different
// compartments must not be swapped.
//
// Thread safety: a value; all of it may be used by any thread. No part is
// async-signal-safe. Each allocation is a call of the monitor.
template <typename T>
class Allocator {
  static_assert(std::is_same_v<T, std::remove_cv_t<T>>,
                "the elements of a container are neither const nor volatile");

 public:
  using value_type = T;
  using propagate_on_container_copy_assignment = std::false_type;
  using propagate_on_container_move_assignment = std::false_type;
  using propagate_on_container_swap = std::false_type;
  using is_always_equal = std::false_type;

  // The compartment need not live: allocating is what fails. The root's heap,
  // Compartment({0, 0}), is as good as any.
  explicit Allocator(const Compartment& compartment) noexcept
      : compartment_(compartment) {}

  // Implicit, as containers require: they allocate other types than T.
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor)
  Allocator(const Allocator<U>& other) noexcept
      : compartment_(other.compartment()) {}

  Compartment compartment() const noexcept { return compartment_; }

  // Memory for `count` objects, aligned for them. The new-handler is not asked.
  // Throws std::bad_array_new_length if their size in bytes overflows, else
  // std::bad_alloc: no memory, or the compartment was destroyed. No exception
  // may leave an entry.
  // The caller owns the memory, until deallocate() or free(). Runs in: any
  // domain.
  [[nodiscard]] T* allocate(size_t count) {
    // T may be a pointer. NOLINTNEXTLINE(bugprone-sizeof-expression)
    constexpr size_t kSize = sizeof(T);
    if (count > SIZE_MAX / kSize) internal_allocator::ThrowBadArrayNewLength();
    return static_cast<T*>(
        internal_allocator::Allocate(compartment_, count * kSize, alignof(T)));
  }

  // Frees what an equal allocator, or any other of Bulkhead's, gave out: by the
  // address alone. Runs in: domains that may write to the memory; in others it
  // is a violation.
  void deallocate(T* memory, size_t /*count*/) noexcept { std::free(memory); }

  // What allocate() never exceeds, whatever there is.
  size_t max_size() const noexcept { return PTRDIFF_MAX / sizeof(T); }

 private:
  Compartment compartment_;
};

// Equal if they allocate from the same compartment. Its successor of the same
// name is another.
template <typename T, typename U>
bool operator==(const Allocator<T>& a, const Allocator<U>& b) noexcept {
  return a.compartment() == b.compartment();
}
template <typename T, typename U>
bool operator!=(const Allocator<T>& a, const Allocator<U>& b) noexcept {
  return !(a == b);
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_H_
