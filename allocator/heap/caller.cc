// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/caller.h"

#include <string.h>

#include "allocator/heap/bad_free.h"
#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

// Of the credit until a cache is looked after, what a trip to the monitor
// costs.
constexpr uint32_t kCostOfTrip = 32;

bool& UsedFlag(const Caller& caller, SizeClass size_class) {
  return caller.cache->upkeep.used[Index(size_class)];
}

ThreadCache* MakeCache(ThreadRecord& record) {
  return reinterpret_cast<ThreadCache*>(
      CallMonitor(record, MonitorCall::kMakeCache).value);
}

// What a refill or a flush of a small class moves now: twice a batch where the
// bin is in much use, and a batch stays in it, or free in it.
uint32_t BatchNow(const Caller& caller, SizeClass size_class) {
  const uint32_t batch = BatchOf(size_class);
  const bool is_busy = UsedFlag(caller, size_class) &&
                       caller.BinOf(size_class).room >= 3 * batch;
  return is_busy ? 2 * batch : batch;
}

// Gives the `count` oldest blocks of a bin back.
void FlushBin(const Caller& caller, SizeClass size_class, uint32_t count) {
  CacheBin& bin = caller.BinOf(size_class);
  while (count != 0) {
    const uint32_t batch = count < kMostBatch ? count : kMostBatch;
    const bh_result result = CallMonitor(caller.record, MonitorCall::kFlush,
                                         Index(size_class), batch);
    if (result.status != 0) {
      ReportBadFlush(result, caller.id, __builtin_return_address(0));
    }
    count -= batch;
    bin.count -= batch;
    memmove(bin.slots, bin.slots + batch, bin.count * sizeof(bin.slots[0]));
  }
}

// A full bin of a small class may grow where blocks have come and gone; else
// its oldest blocks go back.
void MakeSmallRoom(const Caller& caller, SizeClass size_class) {
  CacheBin& bin = caller.BinOf(size_class);
  if (bin.room == 0) {
    bin.room = LeastRoomOf(size_class);
    return;
  }
  const uint32_t batch = BatchOf(size_class);
  const uint32_t most = MostRoomOf(size_class);
  if (UsedFlag(caller, size_class) && bin.room < most) {
    bin.room = bin.room + batch < most ? bin.room + batch : most;
    return;
  }
  const uint32_t moved = BatchNow(caller, size_class);
  UsedFlag(caller, size_class) = true;
  LookAfter(caller);
  FlushBin(caller, size_class, bin.count < moved ? bin.count : moved);
}

// Takes room for one block from the bin of another large class. False: none of
// them has any.
bool TakeLargeRoom(const Caller& caller, SizeClass for_class) {
  CacheUpkeep& upkeep = caller.cache->upkeep;
  constexpr uint32_t kLargeClasses = kCachedClasses - kSmallClasses;
  for (uint32_t i = 0; i < kLargeClasses; ++i) {
    upkeep.next_large = (upkeep.next_large + 1) % kLargeClasses;
    const SizeClass other{kSmallClasses + upkeep.next_large};
    CacheBin& bin = caller.BinOf(other);
    if (other == for_class || bin.room == 0) continue;
    if (bin.count == bin.room) FlushBin(caller, other, 1);
    --bin.room;
    upkeep.large_bytes -= SizeOf(other);
    return true;
  }
  return false;
}

// A full bin of a large class grows within what all of them may hold, at the
// others' cost if an allocation found it empty lately.
bool MakeLargeRoom(const Caller& caller, SizeClass size_class) {
  CacheUpkeep& upkeep = caller.cache->upkeep;
  CacheBin& bin = caller.BinOf(size_class);
  const size_t size = SizeOf(size_class);
  const uint64_t budget = LargeBudget(CommittedBytes(RowOf(caller.id)));
  if (bin.room >= kMostLargeRoom || size > LargestWithin(budget)) return false;
  while (upkeep.large_bytes + size > budget) {
    if (!UsedFlag(caller, size_class) || !TakeLargeRoom(caller, size_class)) {
      return false;
    }
  }
  upkeep.large_bytes += size;
  ++bin.room;
  return true;
}

}  // namespace

Caller FindCaller(ThreadRecord& record) {
  if (enforcement == Enforcement::kPku) {
    const Pkru pkru = ReadPkru();
    // The bits of others' keys have changed: the short way knows again.
    if ((pkru & Pkru{bulkhead_owned_pkru}) == record.pkru &&
        Bits(pkru) != record.whole_pkru) {
      CallMonitor(record, MonitorCall::kSeePkru);
    }
  }
  const CompartmentId id = CurrentCompartment(record);
  // libc makes here what every domain will use.
  if (__builtin_expect(record.serving_libc != 0, false) && id != kRoot) {
    return {record, kRoot, nullptr};
  }
  ThreadCache* cache = record.caches[Index(id)];
  if (__builtin_expect(cache == nullptr, false)) cache = MakeCache(record);
  return {record, id, cache};
}

uintptr_t Pop(const Caller& caller, SizeClass size_class) {
  CacheBin& bin = caller.BinOf(size_class);
  if (bin.count == 0) {
    const uint32_t batch = BatchNow(caller, size_class);
    UsedFlag(caller, size_class) = true;
    if (!IsSmall(size_class)) return 0;
    if (bin.room == 0) bin.room = LeastRoomOf(size_class);
    const bh_result refill = CallMonitor(caller.record, MonitorCall::kRefill,
                                         Index(size_class), batch);
    // The lowest address first out.
    const auto count = static_cast<uint32_t>(refill.value);
    for (uint32_t i = 0; i < count; ++i) {
      bin.slots[i] = caller.record.batch[count - 1 - i];
    }
    bin.count = count;
    if (count == 0) return 0;
  }
  return bin.slots[--bin.count];
}

bool Push(const Caller& caller, SizeClass size_class, uintptr_t block) {
  CacheBin& bin = caller.BinOf(size_class);
  if (bin.count == bin.room) {
    if (IsSmall(size_class)) {
      MakeSmallRoom(caller, size_class);
    } else if (!MakeLargeRoom(caller, size_class)) {
      return false;
    }
  }
  bin.slots[bin.count++] = block;
  return true;
}

bool Holds(const Caller& caller, SizeClass size_class, uintptr_t block) {
  const CacheBin& bin = caller.BinOf(size_class);
  for (uint32_t i = 0; i < bin.count; ++i) {
    if (bin.slots[i] == block) return true;
  }
  return false;
}

void LookAfter(const Caller& caller) {
  CacheUpkeep& upkeep = caller.cache->upkeep;
  if (upkeep.credit <= kCredit && upkeep.credit > kCostOfTrip) {
    upkeep.credit -= kCostOfTrip;
    return;
  }
  upkeep.credit = kCredit;
  CallMonitor(caller.record, MonitorCall::kTick);
  upkeep.next_bin = upkeep.next_bin % (kCachedClasses - 1) + 1;
  const SizeClass looked{upkeep.next_bin};
  CacheBin& bin = caller.BinOf(looked);
  if (!UsedFlag(caller, looked) && bin.count != 0) {
    FlushBin(caller, looked, (bin.count + 1) / 2);
    if (IsSmall(looked)) {
      const uint32_t least = LeastRoomOf(looked);
      bin.room = bin.count > least ? bin.count : least;
    } else {
      upkeep.large_bytes -= (bin.room - bin.count) * SizeOf(looked);
      bin.room = bin.count;
    }
  }
  UsedFlag(caller, looked) = false;
}

void EmptyCache(const Caller& caller) {
  for (uint32_t i = 1; i < kCachedClasses; ++i) {
    FlushBin(caller, SizeClass{i}, caller.BinOf(SizeClass{i}).count);
  }
}

}  // namespace bulkhead
