// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/allocator_model.h"

#include <algorithm>
#include <cstring>

#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kPage = 4096;
// What is not larger is looked at as a whole; of what is, the ends, and a
// little of every page, or of every so many.
constexpr size_t kWhole = 4 * kPage;
constexpr size_t kOfEachPage = 64;
constexpr size_t kManyPages = 64 * kPage;
constexpr size_t kStrideOfMany = 16 * kPage;
// Cages are no smaller: whose a range is changes at multiples of this alone.
constexpr uintptr_t kCage = uintptr_t{4} << 20;

uint64_t WordAt(const Block& block, size_t index) {
  return (block.pattern + index) * 0x9e3779b97f4a7c15;
}

// Calls visit(offset, bytes) for the parts of a block that carry its pattern,
// in whole words. Stops when it returns false, which is then the result.
template <typename Visit>
bool ForEachPart(size_t size, Visit visit) {
  size &= ~(kWord - 1);
  if (size <= kWhole) return visit(size_t{0}, size);
  if (!visit(size_t{0}, kPage)) return false;
  const size_t stride = size <= kManyPages ? kPage : kStrideOfMany;
  for (size_t at = kPage; at < size - kPage; at += stride) {
    if (!visit(at, kOfEachPage)) return false;
  }
  return visit(size - kPage, kPage);
}

// Whether `bytes` at `memory` are the block's pattern from `offset` on.
bool IsPattern(const Block& block, size_t offset, const unsigned char* memory,
               size_t bytes) {
  for (size_t at = 0; at < bytes; at += kWord) {
    uint64_t word;
    memcpy(&word, memory + at, kWord);
    if (word != WordAt(block, (offset + at) / kWord)) return false;
  }
  return true;
}

// Reads the parts of a block from outside, a page at a time: is(offset, memory,
// bytes) says whether they are as they must be.
template <typename Is>
bool ForEachPartFromOutside(const Block& block, Is is) {
  return ForEachPart(block.usable, [&](size_t offset, size_t bytes) {
    unsigned char page[kPage];
    for (size_t at = 0; at < bytes; at += kPage) {
      const size_t part = std::min(bytes - at, kPage);
      if (!ReadFromOutside(block.address + offset + at, page, part) ||
          !is(offset + at, page, part)) {
        return false;
      }
    }
    return true;
  });
}

bool Overlap(const Block& a, const Block& b) {
  return a.address < b.address + b.usable && b.address < a.address + a.usable;
}

}  // namespace

void Fill(const Block& block) {
  auto* const memory = reinterpret_cast<unsigned char*>(block.address);
  ForEachPart(block.usable, [&](size_t offset, size_t bytes) {
    for (size_t at = offset; at < offset + bytes; at += kWord) {
      const uint64_t word = WordAt(block, at / kWord);
      memcpy(memory + at, &word, kWord);
    }
    return true;
  });
}

bool Holds(const Block& block, size_t size) {
  const auto* const memory =
      reinterpret_cast<const unsigned char*>(block.address);
  return ForEachPart(block.usable, [&](size_t offset, size_t bytes) {
    const size_t end = std::min(offset + bytes, size & ~(kWord - 1));
    return end <= offset ||
           IsPattern(block, offset, memory + offset, end - offset);
  });
}

bool HoldsFromOutside(const Block& block) {
  return ForEachPartFromOutside(
      block, [&](size_t offset, const unsigned char* memory, size_t bytes) {
        return IsPattern(block, offset, memory, bytes);
      });
}

bool IsZero(const void* address, size_t size) {
  const auto* const memory = static_cast<const unsigned char*>(address);
  return std::all_of(memory, memory + size,
                     [](unsigned char byte) { return byte == 0; });
}

bool IsZeroFromOutside(const Block& block) {
  return ForEachPartFromOutside(
      block, [](size_t, const unsigned char* memory, size_t bytes) {
        return IsZero(memory, bytes);
      });
}

const char* AllocatorModel::JudgeLocked(const Block& block) const {
  if (block.address == 0) return "no memory";
  if (block.address % 16 != 0 || block.address % block.alignment != 0) {
    return "a block is not aligned";
  }
  if (block.usable < block.requested) return "a block is too small";
  const uintptr_t last = block.address + block.usable - 1;
  if (last < block.address) return "a block wraps around";
  for (uintptr_t at = block.address; at < last; at += kCage) {
    if (!owns_(block.owner, at)) return "a block is not in its owner's memory";
  }
  if (!owns_(block.owner, last)) return "a block ends outside its owner's";
  for (const Slot& slot : slots_) {
    if (slot.taken.load(std::memory_order_relaxed) &&
        Overlap(slot.block, block)) {
      return "a byte has two owners";
    }
  }
  return nullptr;
}

const char* AllocatorModel::Judge(const Block& block) {
  const std::lock_guard<std::mutex> hold(mutex_);
  return JudgeLocked(block);
}

const char* AllocatorModel::Admit(size_t slot, const Block& block) {
  const std::lock_guard<std::mutex> hold(mutex_);
  const char* const wrong = JudgeLocked(block);
  if (wrong != nullptr) return wrong;
  slots_[slot].block = block;
  slots_[slot].taken = true;
  bytes_ += block.usable;
  return nullptr;
}

void AllocatorModel::Publish(size_t slot) { slots_[slot].live = true; }

void AllocatorModel::Withdraw(size_t slot) {
  const std::lock_guard<std::mutex> hold(mutex_);
  if (!slots_[slot].taken) return;
  ++slots_[slot].generation;
  slots_[slot].live = false;
  slots_[slot].taken = false;
  bytes_ -= slots_[slot].block.usable;
}

void AllocatorModel::WithdrawAll(Owner owner) {
  for (size_t i = 0; i < kSlots; ++i) {
    if (slots_[i].taken && slots_[i].block.owner == owner) Withdraw(i);
  }
}

size_t AllocatorModel::FindSpoilt() const {
  for (size_t i = 0; i < kSlots; ++i) {
    const Slot& slot = slots_[i];
    if (!slot.live) continue;
    const uint32_t generation = slot.generation;
    const Block block = slot.block;
    if (!HoldsFromOutside(block) && slot.live &&
        slot.generation == generation) {
      return i;
    }
  }
  return kSlots;
}

size_t AllocatorModel::BlocksOf(Owner owner, size_t usable) const {
  size_t blocks = 0;
  for (const Slot& slot : slots_) {
    const Block& block = slot.block;
    if (slot.taken && block.owner == owner &&
        (usable == 0 || block.usable == usable)) {
      ++blocks;
    }
  }
  return blocks;
}

}  // namespace bulkhead_fuzz
