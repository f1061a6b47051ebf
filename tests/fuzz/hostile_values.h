// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a hostile compartment writes to its caches, and hands to the monitor, in
// place of its own free blocks.

#ifndef BULKHEAD_TESTS_FUZZ_HOSTILE_VALUES_H_
#define BULKHEAD_TESTS_FUZZ_HOSTILE_VALUES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/allocator_model.h"

namespace bulkhead_fuzz {

class HostileValues {
 public:
  // A value, and whether malloc() and free() in the hostile domain may see it.
  struct Value {
    uintptr_t bits = 0;
    bool leads_out = false;
  };

  explicit HostileValues(const AllocatorModel& model) : model_(model) {}

  // One of the kind that `kind` chooses, of these the one that `which` does;
  // blocks rather of that size. Runs in: the owner's domain.
  Value Pick(Owner owner, unsigned kind, unsigned which, size_t size) const;

  // Blocks of a hostile owner: those that it had, and those it got since.
  void Add(Owner owner, uintptr_t address);
  // One of them, or 0.
  uintptr_t OneOf(Owner owner, unsigned which) const;

 private:
  static constexpr size_t kMostBlocks = 256;

  const AllocatorModel& model_;
  std::atomic<uintptr_t> blocks_[kOwners][kMostBlocks] = {};
  std::atomic<uint32_t> added_[kOwners] = {};
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_HOSTILE_VALUES_H_
