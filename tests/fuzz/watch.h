// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a hostile compartment must not change, beyond what stands in the blocks
// of others: that they are in use; the thread caches of others, and their parts
// of the live map.

#ifndef BULKHEAD_TESTS_FUZZ_WATCH_H_
#define BULKHEAD_TESTS_FUZZ_WATCH_H_

#include <cstdint>

#include "isolation/thread/thread_record.h"
#include "tests/fuzz/allocator_model.h"

namespace bulkhead_fuzz {

class Watch {
 public:
  explicit Watch(const AllocatorModel& model) : model_(model) {}

  // Remembers what belongs to others than the owners of this mask (1 << owner)
  // and this record's thread.
  void Remember(unsigned owners, const bulkhead::ThreadRecord* ending);
  // Everything may change from here on.
  void Forget() { is_remembered_ = false; }
  // What changed since, or nullptr. Signal-safe.
  const char* FindChange() const;
  // The first live block that Bulkhead takes for another or for none, or
  // kSlots. Signal-safe, outside the monitor.
  size_t FindLost() const;

 private:
  bool IsWatched(uint32_t row) const;
  uint64_t DigestOfCaches() const;
  uint64_t DigestOfLiveMap() const;

  const AllocatorModel& model_;
  bool is_remembered_ = false;
  unsigned owners_ = 0;
  const bulkhead::ThreadRecord* ending_ = nullptr;
  uint64_t caches_ = 0;
  uint64_t live_map_ = 0;
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_WATCH_H_
