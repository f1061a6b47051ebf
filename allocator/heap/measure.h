// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a heap holds, asked of the monitor. measurement.h says what the numbers
// mean.
//
// Thread safety: all functions, from any thread and in any domain. Not
// signal-safe. Nothing here allocates.

#ifndef BULKHEAD_ALLOCATOR_HEAP_MEASURE_H_
#define BULKHEAD_ALLOCATOR_HEAP_MEASURE_H_

#include "allocator/heap/measurement.h"
#include "bulkhead/bulkhead.h"

namespace bulkhead {

// False: the compartment has been destroyed.
[[nodiscard]] bool MeasureHeap(bh_compartment compartment, MeasuredHeap& heap);

// Size classes of a heap that ever had a block, one after the other, without
// those that come after the compartment was destroyed.
class ClassReader {
 public:
  // Of the root's heap.
  ClassReader() = default;
  explicit ClassReader(bh_compartment compartment)
      : compartment_(compartment) {}

  // The next one, or nullptr; it lives until the next call.
  const MeasuredClass* Next();

 private:
  bh_compartment compartment_ = {0, 0};
  uint32_t next_class_ = 1;  // 0 is not used
  size_t count_ = 0;
  size_t at_ = 0;
  MeasuredClass classes_[kClassesAtOnce];
};

// The contract of bh_get_heap_stats(). False: the compartment has been
// destroyed.
[[nodiscard]] bool CountHeap(bh_compartment compartment, bh_heap_stats& stats);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_MEASURE_H_
