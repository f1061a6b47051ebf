// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A thread's cache of free blocks of one compartment. It lies in the
// compartment's own memory, under its key: malloc() and free() use it without
// the monitor, and only in the compartment's own domain.
//
// The monitor believes nothing that stands in it: it loads each slot once as it
// flushes, and checks what it got.

#ifndef BULKHEAD_ALLOCATOR_HEAP_THREAD_CACHE_H_
#define BULKHEAD_ALLOCATOR_HEAP_THREAD_CACHE_H_

#include <cstddef>
#include <cstdint>

#include "allocator/heap/page_map.h"
#include "allocator/heap/size_class.h"

namespace bulkhead {

inline constexpr uint32_t kBinSlots = 127;

// Free blocks of one size class, the last in the first out. A bin that was
// never used has room for none, and so takes the long way.
struct CacheBin {
  uint32_t count = 0;
  uint32_t room = 0;
  uintptr_t slots[kBinSlots] = {};
};
static_assert(offsetof(CacheBin, count) == BH_BIN_COUNT);
static_assert(offsetof(CacheBin, room) == BH_BIN_ROOM);
static_assert(offsetof(CacheBin, slots) == BH_BIN_SLOTS);
static_assert(sizeof(CacheBin) == size_t{1} << kTagBits,
              "a page map entry without its tag is the offset of a bin");

// Allocations on the short way between two looks after a cache.
inline constexpr uint32_t kCredit = 1024;

// What decides when idle memory goes back; in the place of the bin of class 0.
struct CacheUpkeep {
  uint32_t count = 0;  // as of a bin: none
  uint32_t room = 0;
  uint32_t credit = 0;       // allocations until the next look; ~0: it is due
  uint32_t next_bin = 0;     // to look at
  uint32_t next_large = 0;   // to take room from
  uint64_t large_bytes = 0;  // that the bins of large classes have room for
  bool used[kCachedClasses] = {};  // by the long way, since the last look
};
static_assert(offsetof(CacheUpkeep, credit) == BH_CACHE_CREDIT);
static_assert(sizeof(CacheUpkeep) <= sizeof(CacheBin));

struct ThreadCache {
  union {
    CacheUpkeep upkeep;
    CacheBin bins[kLastClass + 1];
  };
};

inline constexpr size_t kCacheBytes = sizeof(ThreadCache);
static_assert(kCacheBytes % kPageBytes == 0);

// Blocks that a refill or a flush of this class moves at once; twice as many
// where the class is in much use.
constexpr uint32_t BatchOf(SizeClass size_class) {
  if (Index(size_class) >= kSmallClasses) return 1;
  return SizeOf(size_class) <= 2048 ? 31 : 16;
}

// Blocks of a small class that its bin has room for at first, and at most.
constexpr uint32_t LeastRoomOf(SizeClass size_class) {
  return SizeOf(size_class) <= 4096 ? 2 * BatchOf(size_class) : 20;
}
constexpr uint32_t MostRoomOf(SizeClass size_class) {
  constexpr size_t kMostBytes = size_t{64} << 10;
  const size_t blocks = kMostBytes / SizeOf(size_class);
  const uint32_t least = LeastRoomOf(size_class);
  if (blocks <= least) return least;
  return blocks > kBinSlots ? kBinSlots : static_cast<uint32_t>(blocks);
}

// Blocks of a large class that its bin has room for at most; all bins share
// what LargeBudget() allows.
inline constexpr uint32_t kMostLargeRoom = 32;

// Blocks of any class that its bin has room for at most.
constexpr uint32_t MostOf(SizeClass size_class) {
  return Index(size_class) < kSmallClasses ? MostRoomOf(size_class)
                                           : kMostLargeRoom;
}

// The bytes of large blocks that a cache may hold, of a heap that has ever had
// so many; and the largest block among them, so that a few blocks do not take
// the room of many.
constexpr uint64_t LargeBudget(uint64_t committed_bytes) {
  constexpr uint64_t kLeast = uint64_t{256} << 10;
  constexpr uint64_t kMost = uint64_t{8} << 20;
  const uint64_t share = committed_bytes / 48;
  return share < kLeast ? kLeast : share > kMost ? kMost : share;
}
constexpr uint64_t LargestWithin(uint64_t budget) {
  constexpr uint64_t kLeast = uint64_t{64} << 10;
  return budget / 16 < kLeast ? kLeast : budget / 16;
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_THREAD_CACHE_H_
