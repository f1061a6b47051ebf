// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/executor.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "allocator/heap/measure.h"
#include "allocator/heap/size_class.h"
#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {
namespace {

// What one operation allocates at most, and all blocks together.
constexpr size_t kMostAtOnce = size_t{2} << 20;
constexpr size_t kMostInAll = size_t{64} << 20;
constexpr size_t kMuchAligned = size_t{1} << 16;
constexpr size_t kFewBlocks = 4;

size_t AlignmentOf(const Operation& operation) {
  return size_t{1} << operation.alignment;
}

// Of an operation that allocates: how many blocks.
size_t CountOf(const Operation& operation) {
  const size_t size = std::max<size_t>(operation.size, 1);
  size_t count = std::min<size_t>(operation.count, kMostAtOnce / size);
  if (ServedAlignment(operation.kind, AlignmentOf(operation)) >= kMuchAligned) {
    count = std::min(count, kFewBlocks);
  }
  return std::max<size_t>(count, 1);
}

Owner NamedOwner(const Operation& operation) {
  return operation.detail % kOwners;
}

uint64_t NextPattern() {
  static std::atomic<uint64_t> last{0};
  return (last += uint64_t{1} << 32) * 0x2545f4914f6cdd1d;
}

[[noreturn]] void FoundBlock(const char* what, const Block& block) {
  Found("%s: %zu of %zu bytes at %#zx, alignment %zu, owner %u", what,
        block.requested, block.usable, block.address, block.alignment,
        block.owner);
}

}  // namespace

template <typename Work>
void Executor::ForEachBlock(const Path& path, const Operation& operation,
                            size_t count, Place place, Work work) {
  std::array<size_t, kMostCount> slots;
  const auto visit = [&](const Path& way, auto is_wanted) {
    size_t found = 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t slot = place.first + (operation.slot + i) % place.slots;
      if (model_.IsLive(slot) && is_wanted(model_.At(slot).owner)) {
        slots[found++] = slot;
      }
    }
    if (found == 0) return;
    TheDomains().Run(way, [&] {
      for (size_t i = 0; i < found; ++i) work(slots[i]);
    });
  };
  visit(path, [&](Owner owner) { return MayWriteAt(path, owner); });
  for (Owner owner = 1; owner < kOwners; ++owner) {
    if (MayWriteAt(path, owner)) continue;
    visit(ScopeOf(owner), [&](Owner other) { return other == owner; });
  }
}

void Executor::Play(const OperationList& list) {
  for (size_t i = 0; i < list.size(); ++i) {
    TheEvidence().at = static_cast<uint32_t>(i);
    if (list[i].kind == Kind::kTogether) {
      const size_t count = std::min<size_t>(list[i].count, list.size() - i - 1);
      PlayTogether(list.data() + i + 1, count);
      i += count;
    } else {
      PlayOne(list[i]);
    }
    hostile_.CheckOthers();
    hostile_.Rest();
  }
  CheckAll();
}

void Executor::PlayOne(const Operation& operation) {
  hostile_.Prepare(operation, workers_);
  switch (operation.kind) {
    case Kind::kEndThread:
      EndThread(operation.thread);
      return;
    case Kind::kDestroy:
      Destroy(1 + operation.detail % kCompartments);
      return;
    default:
      workers_.Run(hostile_.ThreadFor(operation), [&](unsigned thread) {
        Perform(operation, thread, Place());
      });
      return;
  }
}

void Executor::PlayTogether(const Operation* first, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    TheDomains().Prepare(first[i].path);
    if (NamesHeap(first[i].kind)) TheDomains().Prepare(NamedOwner(first[i]));
  }
  hostile_.PrepareTogether();
  workers_.RunTogether([&](unsigned thread) {
    constexpr size_t kShare = kSlots / kThreads;
    hostile_.Note(thread);
    for (size_t i = 0; i < count; ++i) {
      if (first[i].thread != thread) continue;
      Perform(first[i], thread, {thread * kShare, kShare, false});
    }
  });
}

void Executor::EndThread(unsigned thread) {
  if (thread != 0 && hostile_.ThreadsMayEnd()) workers_.End(thread);
}

void Executor::Destroy(Owner owner) {
  model_.WithdrawAll(owner);
  hostile_.Forget(owner);
  TheDomains().Destroy(owner);
}

void Executor::Perform(const Operation& operation, unsigned thread,
                       Place place) {
  const Path& path = operation.path;
  TheDomains().Prepare(path);
  hostile_.Note(thread);
  if (hostile_.Takes(operation)) {
    hostile_.Perform(operation, thread);
    return;
  }
  const auto for_each = [&](auto work) {
    ForEachBlock(path, operation, operation.count, place, work);
  };
  switch (operation.kind) {
    case Kind::kFree:
    case Kind::kFreeSized:
    case Kind::kDelete:
    case Kind::kDeleteSized:
      for_each([&](size_t slot) { Free(operation.kind, slot, place); });
      return;
    case Kind::kRealloc:
    case Kind::kReallocarray:
      for_each([&](size_t slot) { Resize(operation, slot, place); });
      return;
    case Kind::kUsableSize:
      for_each([&](size_t slot) { CheckSize(slot); });
      return;
    case Kind::kRefused:
      for_each([&](size_t slot) { Refuse(operation, slot); });
      return;
    case Kind::kTrim:
      TheDomains().Run(path, [&] { family_.Trim(); });
      return;
    case Kind::kMeasure:
      if (place.alone) Measure();
      return;
    case Kind::kCheck:
      CheckAll();
      return;
    case Kind::kFork:
      if (place.alone) Fork(operation, place);
      return;
    default:
      if (Allocates(operation.kind)) Allocate(operation, place);
      return;
  }
}

void Executor::ClearSlots(const Operation& operation, size_t count,
                          Place place) {
  ForEachBlock(operation.path, operation, count, place,
               [&](size_t slot) { Free(Kind::kFree, slot, place); });
}

void Executor::Allocate(const Operation& operation, Place place) {
  size_t count = CountOf(operation);
  if (model_.bytes() + count * operation.size > kMostInAll) return;
  ClearSlots(operation, count, place);
  const bool named = NamesHeap(operation.kind);
  const Owner owner = named ? NamedOwner(operation) : CurrentAt(operation.path);
  TheDomains().Prepare(owner);
  const bh_compartment heap = TheDomains().HandleOf(owner);
  std::array<void*, kMostCount> pointers;
  const auto settle = [&] {
    for (size_t i = 0; i < count; ++i) {
      const size_t slot = place.first + (operation.slot + i) % place.slots;
      Settle(operation, owner, slot, pointers[i]);
    }
  };
  TheDomains().Run(operation.path, [&] {
    for (size_t i = 0; i < count; ++i) {
      pointers[i] = family_.Allocate(operation.kind, operation.size,
                                     AlignmentOf(operation), heap);
    }
    if (!named) settle();
  });
  if (!named) return;
  if (!hostile_.Is(owner)) {
    TheDomains().Run(ScopeOf(owner), settle);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    hostile_.TakeLoot(owner, pointers[i]);
  }
}

void Executor::Settle(const Operation& operation, Owner owner, size_t slot,
                      void* pointer) {
  Block block;
  block.address = reinterpret_cast<uintptr_t>(pointer);
  block.requested = ServedSize(operation.kind, operation.size);
  block.usable = std::max<size_t>(block.requested, 1);
  block.alignment = ServedAlignment(operation.kind, AlignmentOf(operation));
  block.owner = owner;
  block.pattern = NextPattern();
  // Before anything is made of the pointer.
  if (const char* wrong = model_.Judge(block)) FoundBlock(wrong, block);
  block.usable = family_.UsableSize(pointer);
  if (const char* wrong = model_.Admit(slot, block)) FoundBlock(wrong, block);
  if (operation.kind == Kind::kCalloc && !IsZero(pointer, block.requested)) {
    FoundBlock("calloc did not clear", block);
  }
  Fill(block);
  model_.Publish(slot);
}

void Executor::Free(Kind kind, size_t slot, Place place) {
  const Block block = model_.At(slot);
  if (!Holds(block, block.usable)) FoundBlock("spoilt before free", block);
  model_.Withdraw(slot);
  family_.Free(kind, reinterpret_cast<void*>(block.address), block.requested,
               block.alignment);
  if (place.alone && Wipes(block.owner) && !IsZeroFromOutside(block)) {
    FoundBlock("not wiped by free", block);
  }
}

void Executor::Resize(const Operation& operation, size_t slot, Place place) {
  const Block old = model_.At(slot);
  if (!Holds(old, old.usable)) FoundBlock("spoilt before realloc", old);
  // One by one: a burst of large ones must not exceed what all may have.
  if (model_.bytes() + operation.size > kMostInAll) return;
  model_.Withdraw(slot);
  void* const pointer = family_.Resize(
      operation.kind, reinterpret_cast<void*>(old.address), operation.size);
  if (operation.size == 0) {
    if (pointer != nullptr) FoundBlock("realloc to nothing gave a block", old);
    return;
  }
  Block block;
  block.address = reinterpret_cast<uintptr_t>(pointer);
  block.requested = operation.size;
  block.usable = operation.size;
  block.owner = old.owner;
  block.pattern = NextPattern();
  if (const char* wrong = model_.Judge(block)) FoundBlock(wrong, block);
  block.usable = family_.UsableSize(pointer);
  if (const char* wrong = model_.Admit(slot, block)) FoundBlock(wrong, block);
  Block kept = old;
  kept.address = block.address;
  if (!Holds(kept, std::min(old.requested, block.requested))) {
    FoundBlock("realloc lost contents", block);
  }
  if (place.alone && Wipes(old.owner) && block.address != old.address &&
      !IsZeroFromOutside(old)) {
    FoundBlock("not wiped by realloc", old);
  }
  Fill(block);
  model_.Publish(slot);
}

void Executor::CheckSize(size_t slot) {
  const Block& block = model_.At(slot);
  if (!Holds(block, block.usable)) FoundBlock("spoilt", block);
  const size_t size =
      family_.UsableSize(reinterpret_cast<void*>(block.address));
  if (size != block.usable) FoundBlock("its usable size changed", block);
}

void Executor::Refuse(const Operation& operation, size_t slot) {
  const Block& block = model_.At(slot);
  const char* const wrong =
      TryRefused(operation.detail, reinterpret_cast<void*>(block.address));
  if (wrong != nullptr) Found("%s did not fail as it must", wrong);
  if (!Holds(block, block.usable)) FoundBlock("spoilt by a refusal", block);
}

// Of honest compartments every block is known; the root's heap serves others
// too.
void Executor::Measure() {
  for (Owner owner = 0; owner < kOwners; ++owner) {
    if (!TheDomains().Exists(owner) || hostile_.Is(owner)) continue;
    const bool all_known = owner != kRootOwner && !hostile_.WasAnyone();
    bulkhead::ClassReader classes(TheDomains().HandleOf(owner));
    size_t counted = 0;
    while (const bulkhead::MeasuredClass* next = classes.Next()) {
      const uint64_t live =
          next->allocations - next->frees - next->cached - next->abandoned;
      const bulkhead::SizeClass size_class{
          static_cast<uint32_t>(next->size_class)};
      const size_t known = model_.BlocksOf(owner, bulkhead::SizeOf(size_class));
      counted += known;
      if (live < known || (live > known && all_known)) {
        Found("owner %u has %zu blocks of %zu bytes, and is said to have %zu",
              owner, known, bulkhead::SizeOf(size_class),
              static_cast<size_t>(live));
      }
    }
    if (counted != model_.BlocksOf(owner)) {
      Found("of owner %u's %zu blocks, only %zu are of a class that is counted",
            owner, model_.BlocksOf(owner), counted);
    }
  }
}

void Executor::Fork(const Operation& operation, Place place) {
  if (hostile_.IsAnyone()) return;
  const pid_t child = fork();
  if (child < 0) Found("fork failed");
  if (child == 0) {
    OpenOutside();
    CheckAll();
    Allocate(operation, place);
    ClearSlots(operation, kMostCount, place);
    CheckAll();
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) Found("a child was lost");
  if (status != 0) Found("a forked child ended with status %#x", status);
}

void Executor::CheckAll() {
  const size_t spoilt = model_.FindSpoilt();
  if (spoilt != kSlots) FoundBlock("spoilt", model_.At(spoilt));
}

void Executor::CleanUp() {
  TheEvidence().at = kMostOperations;
  for (size_t first = 0; first < kSlots; first += kMostCount) {
    Operation all;
    all.slot = static_cast<uint16_t>(first);
    ClearSlots(all, kMostCount, Place());
  }
  for (unsigned thread = 1; thread < kThreads; ++thread) {
    Operation end;
    end.kind = Kind::kEndThread;
    end.thread = static_cast<uint8_t>(thread);
    PlayOne(end);
    hostile_.CheckOthers();
    hostile_.Rest();
  }
  for (Owner owner = 1; owner < kOwners; ++owner) Destroy(owner);
}

}  // namespace bulkhead_fuzz
