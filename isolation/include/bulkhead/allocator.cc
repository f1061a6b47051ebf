// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "bulkhead/allocator.h"

#include <new>

namespace bulkhead::internal_allocator {

void* Allocate(const Compartment& compartment, size_t size, size_t alignment) {
  const bh_compartment handle = compartment.handle();
  void* block = alignment <= alignof(std::max_align_t)
                    ? bh_malloc(handle, size)
                    : bh_aligned_alloc(handle, alignment, size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void ThrowBadArrayNewLength() { throw std::bad_array_new_length(); }

}  // namespace bulkhead::internal_allocator
