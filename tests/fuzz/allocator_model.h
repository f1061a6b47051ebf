// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What an allocator must keep to, in the simplest terms: blocks are ranges of
// bytes, each with one owner, in the owner's memory, disjoint, aligned; and
// what their owner wrote stands until the owner writes again or frees them.
//
// The model uses no heap: it lives beside an allocator that may be broken.

#ifndef BULKHEAD_TESTS_FUZZ_ALLOCATOR_MODEL_H_
#define BULKHEAD_TESTS_FUZZ_ALLOCATOR_MODEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

// 0 is the root; i + 1 is compartment i.
using Owner = unsigned;
inline constexpr Owner kRootOwner = 0;
inline constexpr unsigned kOwners = kCompartments + 1;

struct Block {
  uintptr_t address = 0;
  size_t requested = 0;
  size_t usable = 0;
  size_t alignment = 16;
  Owner owner = kRootOwner;
  uint64_t pattern = 0;  // what its bytes are; see Fill()
};

// Writes the block's pattern: to all of a small block, and of a large one to
// its ends and the beginnings of pages.
// Runs in: a domain that may write to the block.
void Fill(const Block& block);

// Whether the pattern stands in the first `size` bytes.
// Runs in: a domain that may read the block; or anywhere.
bool Holds(const Block& block, size_t size);
bool HoldsFromOutside(const Block& block);

// Whether the first `size` bytes are zero. Likewise.
bool IsZero(const void* address, size_t size);
bool IsZeroFromOutside(const Block& block);

class AllocatorModel {
 public:
  // Whether the address lies in memory of that owner's.
  using Owns = bool (*)(Owner owner, uintptr_t address);
  explicit AllocatorModel(Owns owns) : owns_(owns) {}
  AllocatorModel(const AllocatorModel&) = delete;
  AllocatorModel& operator=(const AllocatorModel&) = delete;

  // A slot holds a block, or nothing. A slot is one thread's at a time.
  bool IsLive(size_t slot) const {
    return slots_[slot].live.load(std::memory_order_acquire);
  }
  // Grows whenever the slot's block goes: whoever finds something wrong with
  // another thread's block asks whether it is the same one still.
  uint32_t GenerationOf(size_t slot) const { return slots_[slot].generation; }
  // REQUIRES: the slot is live, or this thread's.
  const Block& At(size_t slot) const { return slots_[slot].block; }

  // What is wrong with the block as one that an allocator hands out now, or
  // nullptr. Thread-safe.
  const char* Judge(const Block& block);
  // As above; and if nothing is, the block is the slot's, and live once
  // Publish() says that its pattern stands. REQUIRES: the slot is empty.
  const char* Admit(size_t slot, const Block& block);
  void Publish(size_t slot);
  // The block is about to be freed: its bytes may be another's at any time.
  void Withdraw(size_t slot);
  // The same for every block of an owner.
  void WithdrawAll(Owner owner);

  // The first live block whose pattern does not stand, or kSlots. Blocks that
  // come and go meanwhile are passed over. Thread-safe; signal-safe.
  size_t FindSpoilt() const;

  // How many blocks the owner has, of all sizes or of one.
  size_t BlocksOf(Owner owner, size_t usable = 0) const;
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::atomic<bool> taken{false};  // the range is the block's
    std::atomic<bool> live{false};   // and its pattern stands
    std::atomic<uint32_t> generation{0};
    Block block;
  };

  const char* JudgeLocked(const Block& block) const;

  const Owns owns_;
  std::mutex mutex_;  // of who takes ranges
  std::atomic<size_t> bytes_{0};
  Slot slots_[kSlots];
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_ALLOCATOR_MODEL_H_
