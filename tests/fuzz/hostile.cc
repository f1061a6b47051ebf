// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/hostile.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "allocator/heap/size_class.h"
#include "allocator/heap/thread_cache.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/call_monitor.h"
#include "tests/fuzz/coverage.h"
#include "tests/fuzz/domains.h"
#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {
namespace {

using bulkhead::CacheBin;
using bulkhead::CallMonitor;
using bulkhead::MonitorCall;
using bulkhead::SizeClass;
using bulkhead::ThreadCache;
using bulkhead::ThreadRecord;

constexpr size_t kMostBlindly = size_t{1} << 20;

// Whose death is looked at.
Hostile* the_hostile = nullptr;

// The owner's cache of the calling thread, made if there is none.
// Runs in: the owner's domain.
ThreadCache* CacheHere(Owner owner) {
  const uint32_t row = TheDomains().HandleOf(owner).id;
  ThreadRecord& record = *bulkhead::CurrentRecord();
  if (record.caches[row] == nullptr)
    CallMonitor(record, MonitorCall::kMakeCache);
  return record.caches[row];
}

uint32_t ClassIndexOf(const Operation& operation) {
  const uint32_t index = bulkhead::Index(bulkhead::ClassOf(operation.size));
  return std::min(index, bulkhead::kCachedClasses - 1);
}

bool IsRoots(uintptr_t address) { return OwnsAddress(kRootOwner, address); }

}  // namespace

Hostile::Hostile(Family& family, AllocatorModel& model)
    : family_(family), model_(model), values_(model), watch_(model) {}

Owner Hostile::TargetOf(const Operation& operation) {
  const Owner current = CurrentAt(operation.path);
  return IsHostile(operation.kind) && !HasCaches(current) ? kRootOwner
                                                          : current;
}

bool Hostile::Takes(const Operation& operation) const {
  if (IsHostile(operation.kind)) return true;
  const bool is_of_domain =
      operation.kind <= Kind::kTrim || operation.kind == Kind::kFork;
  return is_of_domain && Is(CurrentAt(operation.path));
}

unsigned Hostile::ThreadFor(const Operation& operation) const {
  const bool is_roots = Takes(operation) && TargetOf(operation) == kRootOwner;
  return is_roots && operation.thread == 0 ? 1 : operation.thread;
}

void Hostile::Prepare(const Operation& operation, Workers& workers) {
  const bool ends = operation.kind == Kind::kEndThread;
  const auto note = [this](unsigned thread) { Note(thread); };
  if (IsHostile(operation.kind)) {
    const Owner owner = TargetOf(operation);
    TheDomains().Prepare(operation.path);
    if (!Is(owner)) {
      if (owner == kRootOwner) {
        for (unsigned i = 1; i < kThreads; ++i) workers.Run(i, note);
      }
      Become(owner);
    }
  }
  if (!IsAnyone()) return;
  TheEvidence().hostile = ends || Takes(operation);
  if (ends || Takes(operation)) {
    // A thread that starts allocates in the root's heap.
    if (!ends) workers.Run(ThreadFor(operation), note);
    watch_.Remember(owners_,
                    ends ? records_[operation.thread].load() : nullptr);
  } else {
    watch_.Forget();
  }
}

void Hostile::PrepareTogether() {
  TheEvidence().hostile = IsAnyone();
  watch_.Forget();
}

void Hostile::Rest() {
  TheEvidence().hostile = false;
  watch_.Forget();
}

void Hostile::Become(Owner owner) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (model_.IsLive(slot) && model_.At(slot).owner == owner) {
      values_.Add(owner, model_.At(slot).address);
    }
  }
  model_.WithdrawAll(owner);
  owners_ |= 1u << owner;
  was_anyone_ = true;
  the_hostile = this;
  struct sigaction action = {};
  action.sa_handler = OnDeath;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS}) {
    sigaction(signal, &action, nullptr);
  }
}

void Hostile::OnDeath(int) {
  PublishCoverage();
  // In the monitor nobody but Bulkhead is at fault.
  if (bulkhead::CurrentRecord()->busy != 0) _exit(kDiedStatus);
  the_hostile->CheckOthers();
  TheEvidence().died_in_order = TheEvidence().hostile.load();
  _exit(kDiedStatus);
}

void Hostile::CheckOthers() const {
  if (!IsAnyone()) return;
  const auto found_block = [&](const char* what, size_t slot) {
    const Block& block = model_.At(slot);
    Found("a hostile compartment %s a block of owner %u at %#zx", what,
          block.owner, block.address);
  };
  const size_t spoilt = model_.FindSpoilt();
  if (spoilt != kSlots) found_block("changed", spoilt);
  const size_t lost = watch_.FindLost();
  if (lost != kSlots) found_block("freed", lost);
  const char* const changed = watch_.FindChange();
  if (changed != nullptr) Found("a hostile compartment changed %s", changed);
}

void Hostile::TakeLoot(Owner owner, void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (address != 0) values_.Add(owner, address);
}

void Hostile::Note(unsigned thread) {
  records_[thread] = bulkhead::CurrentRecord();
}

void Hostile::Forget(Owner owner) {
  owners_ &= ~(1u << owner);
  for (auto& of_thread : leads_out_) of_thread[owner] = false;
}

void Hostile::Perform(const Operation& operation, unsigned thread) {
  const Owner owner = TargetOf(operation);
  if (!Is(owner) || (owner == kRootOwner && thread == 0)) return;
  const Path path =
      CurrentAt(operation.path) == owner ? operation.path : Path{};
  TheDomains().Run(path, [&] { Act(operation, thread, owner); });
}

void Hostile::Act(const Operation& operation, unsigned thread, Owner owner) {
  switch (operation.kind) {
    case Kind::kPoisonSlots:
      PoisonSlots(operation, thread, owner);
      return;
    case Kind::kPoisonCounts:
      PoisonCounts(operation, thread, owner);
      return;
    case Kind::kCallMonitor:
      CallTheMonitor(operation, owner);
      return;
    case Kind::kTrim:
      family_.Trim();
      return;
    default:
      break;
  }
  if (leads_out_[thread][owner]) return;
  if (Allocates(operation.kind)) {
    Allocate(operation, owner);
  } else if (operation.kind >= Kind::kFree &&
             operation.kind <= Kind::kDeleteSized) {
    Free(operation, owner);
  } else if (operation.kind == Kind::kRealloc) {
    Resize(operation, owner);
  }
}

void Hostile::PoisonSlots(const Operation& operation, unsigned thread,
                          Owner owner) {
  ThreadCache* const cache = CacheHere(owner);
  if (cache == nullptr) return;
  const SizeClass size_class{ClassIndexOf(operation)};
  CacheBin& bin = cache->bins[Index(size_class)];
  for (unsigned i = 0; i < operation.count; ++i) {
    const HostileValues::Value value =
        values_.Pick(owner, operation.detail, operation.slot + i,
                     bulkhead::SizeOf(size_class));
    bin.slots[(operation.slot + i) % bulkhead::kBinSlots] = value.bits;
    if (value.leads_out) leads_out_[thread][owner] = true;
  }
  if (operation.detail % 2 == 0) return;
  bin.room = bulkhead::kBinSlots;
  bin.count = std::min<uint32_t>(operation.slot + operation.count, bin.room);
}

void Hostile::PoisonCounts(const Operation& operation, unsigned thread,
                           Owner owner) {
  ThreadCache* const cache = CacheHere(owner);
  if (cache == nullptr) return;
  CacheBin& bin = cache->bins[ClassIndexOf(operation)];
  // Below these, what malloc() and free() reach lies within the cache.
  constexpr uint32_t kWithin = 1024;
  constexpr uint32_t kFar[] = {0x7fffffff, 0xffffffff, 0x10000, 64 * 1024};
  const bool is_far = operation.detail >= 128;
  const uint32_t value = is_far ? kFar[operation.slot % std::size(kFar)]
                                : operation.slot % kWithin;
  if (is_far) leads_out_[thread][owner] = true;
  switch (operation.detail % 7) {
    case 0:
      bin.count = value;
      return;
    case 1:
      bin.room = value;
      return;
    case 2:
      cache->upkeep.credit = value;
      return;
    case 3:
      cache->upkeep.next_bin = value;
      return;
    case 4:
      cache->upkeep.next_large = value;
      return;
    case 5:
      cache->upkeep.large_bytes = uint64_t{value} << (operation.slot % 33);
      return;
    default:
      bin.count = value % (bulkhead::kBinSlots + 1);
      bin.room = bulkhead::kBinSlots;
      return;
  }
}

// A block of a row's heap that the monitor has just handed out.
void Hostile::CheckGiven(Owner owner, uintptr_t address, size_t size) {
  if (address == 0) return;
  if (!OwnsAddress(owner, address)) {
    Found("the monitor gave %#zx, which is not owner %u's", address, owner);
  }
  if (Is(owner)) return;
  Block block;
  block.address = address;
  block.requested = size;
  block.usable = std::max<size_t>(size, 1);
  block.owner = owner;
  if (const char* wrong = model_.Judge(block)) {
    Found("the monitor gave %#zx: %s", address, wrong);
  }
}

void Hostile::CallTheMonitor(const Operation& operation, Owner owner) {
  ThreadRecord& record = *bulkhead::CurrentRecord();
  const uint32_t size_class = operation.slot % (bulkhead::kLastClass + 1);
  const unsigned count = operation.count;
  uintptr_t address =
      values_.Pick(owner, operation.slot, operation.count, 0).bits;
  // What a vault may do to the root's heap by itself is no matter.
  if (owner != kRootOwner && IsRoots(address)) address = 0;
  switch (operation.detail % 9) {
    case 0: {
      const bh_result refill =
          CallMonitor(record, MonitorCall::kRefill, size_class, count);
      for (size_t i = 0; i < refill.value; ++i) {
        CheckGiven(owner, record.batch[i], 0);
      }
      return;
    }
    case 1:
      CallMonitor(record, MonitorCall::kFlush, size_class, count);
      return;
    case 2:
      CallMonitor(record, MonitorCall::kFree, address);
      return;
    case 3:
      CallMonitor(record, MonitorCall::kResize, address, operation.size);
      return;
    case 4:
      CallMonitor(record, MonitorCall::kInspect, address);
      return;
    case 5: {
      const Owner heap = operation.slot % kOwners;
      if (!TheDomains().Exists(heap)) return;
      const size_t size = std::min<size_t>(operation.size, kMostBlindly);
      const bh_result given =
          CallMonitor(record, MonitorCall::kAllocate,
                      TheDomains().HandleOf(heap).id, size, 16);
      CheckGiven(heap, given.value, size);
      return;
    }
    case 6:
      CallMonitor(record, MonitorCall::kPurge, operation.slot);
      return;
    case 7:
      CallMonitor(record, MonitorCall::kMeasure, operation.slot, count,
                  operation.size);
      return;
    default:
      CallMonitor(record, MonitorCall::kTick);
      return;
  }
}

void Hostile::Allocate(const Operation& operation, Owner owner) {
  Kind kind = operation.kind;
  // Clearing would follow what stands in the cache.
  if (NamesHeap(kind) || (kind == Kind::kCalloc && !KeysAreEnforced())) {
    kind = Kind::kMalloc;
  }
  const size_t size = std::min<size_t>(operation.size, kMostBlindly);
  for (unsigned i = 0; i < operation.count; ++i) {
    TakeLoot(owner, family_.Allocate(kind, size, 16, {}));
  }
}

void Hostile::Free(const Operation& operation, Owner owner) {
  for (unsigned i = 0; i < operation.count; ++i) {
    const uintptr_t block = values_.OneOf(owner, operation.slot + i);
    if (block == 0 || (owner != kRootOwner && IsRoots(block))) continue;
    family_.Free(Kind::kFree, reinterpret_cast<void*>(block), 0, 16);
  }
}

void Hostile::Resize(const Operation& operation, Owner owner) {
  const uintptr_t block = values_.OneOf(owner, operation.slot);
  if (!KeysAreEnforced() || block == 0 || operation.size == 0 ||
      (owner != kRootOwner && IsRoots(block))) {
    return;
  }
  TakeLoot(owner, family_.Resize(Kind::kRealloc, reinterpret_cast<void*>(block),
                                 operation.size));
}

}  // namespace bulkhead_fuzz
