// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// std::pmr containers on the heap of one compartment, whichever compartment
// runs. allocator.h says when that is of use, and does it without a virtual
// call.
//
//   struct Contacts {
//     bulkhead::MemoryResource heap;
//     std::pmr::map<std::pmr::string, std::pmr::string> numbers{&heap};
//   };
//
//   void Open() {  // an entry
//     const bulkhead::Compartment own(bh_current());
//     contacts = new Contacts{bulkhead::MemoryResource(own)};
//   }

#ifndef BULKHEAD_MEMORY_RESOURCE_H_
#define BULKHEAD_MEMORY_RESOURCE_H_

#include <cstddef>
#include <memory_resource>

#include "bulkhead/compartment.h"

namespace bulkhead {

// Allocates from one compartment's heap, from any domain. What it gave out can
// be used inside that compartment, or in a domain that includes it, and only
// there be given back.
//
// Containers keep a pointer to it, so it must outlive them, and it must lie
// inside as they must: it has a pointer to its functions, and who can write to
// it elsewhere decides what the compartment calls.
//
// allocate() throws std::bad_alloc: no memory, or the compartment was
// destroyed. The new-handler is not asked, and no exception may leave an entry.
// An alignment that is no power of two is an error of the caller's. The memory
// is the caller's until deallocate() or free(), which go by the address alone;
// in a domain that may not write to it they are a violation.
//
// is_equal() is true of another MemoryResource on the same compartment, and
// false of one on its successor of the same name.
//
// Thread safety: all but assignment may be used by any thread at any time. No
// part is async-signal-safe. Each allocation is a call of the monitor; the
// pools of <memory_resource> on top of it save most of them, but what is freed
// into a pool is wiped only when the pool gives it back.
class MemoryResource final : public std::pmr::memory_resource {
 public:
  // The compartment need not live: allocating is what fails. The root's heap,
  // Compartment({0, 0}), is as good as any.
  explicit MemoryResource(const Compartment& compartment) noexcept
      : compartment_(compartment) {}

  Compartment compartment() const noexcept { return compartment_; }

 private:
  void* do_allocate(size_t size, size_t alignment) override;
  void do_deallocate(void* memory, size_t size, size_t alignment) override;
  bool do_is_equal(
      const std::pmr::memory_resource& other) const noexcept override;

  Compartment compartment_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_MEMORY_RESOURCE_H_
