// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The functions under test, all of the malloc family, by the kind of operation
// that calls them. Tests of the model put broken ones in their place.

#ifndef BULKHEAD_TESTS_FUZZ_FAMILY_H_
#define BULKHEAD_TESTS_FUZZ_FAMILY_H_

#include <cstddef>

#include "bulkhead/bulkhead.h"
#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

// Whether the kind allocates into slots.
constexpr bool Allocates(Kind kind) { return kind <= Kind::kBhAlignedAlloc; }

// Whether it allocates in a heap that it names, not in the current one.
constexpr bool NamesHeap(Kind kind) {
  return kind == Kind::kBhMalloc || kind == Kind::kBhAlignedAlloc;
}

class Family {
 public:
  virtual ~Family() = default;

  // What the kind asks for. nullptr: no memory. `heap` is of the kinds that
  // name one. REQUIRES: Allocates(kind); alignment is a power of two.
  virtual void* Allocate(Kind kind, size_t size, size_t alignment,
                         bh_compartment heap);
  // REQUIRES: kFree to kDeleteSized; the size and alignment are the block's.
  virtual void Free(Kind kind, void* block, size_t size, size_t alignment);
  // REQUIRES: kRealloc or kReallocarray.
  virtual void* Resize(Kind kind, void* block, size_t size);
  virtual size_t UsableSize(void* block);
  virtual void Trim();
};

// The size that Allocate() of this kind must serve.
size_t ServedSize(Kind kind, size_t size);
// The alignment likewise.
size_t ServedAlignment(Kind kind, size_t alignment);

// Calls that must fail: with what `which` chooses, on a block or on none. The
// name of the first of them that did not fail as it must, or nullptr.
const char* TryRefused(unsigned which, void* block);

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_FAMILY_H_
