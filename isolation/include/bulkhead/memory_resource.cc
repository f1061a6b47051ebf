// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "bulkhead/memory_resource.h"

#include <cstdlib>

#include "bulkhead/allocator.h"

namespace bulkhead {

void* MemoryResource::do_allocate(size_t size, size_t alignment) {
  return internal_allocator::Allocate(compartment_, size, alignment);
}

void MemoryResource::do_deallocate(void* memory, size_t /*size*/,
                                   size_t /*alignment*/) {
  std::free(memory);
}

bool MemoryResource::do_is_equal(
    const std::pmr::memory_resource& other) const noexcept {
  const auto* resource = dynamic_cast<const MemoryResource*>(&other);
  return resource != nullptr && resource->compartment_ == compartment_;
}

}  // namespace bulkhead
