// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/hostile_values.h"

#include "isolation/base/sealed.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"
#include "tests/fuzz/domains.h"
#include "tests/fuzz/evidence.h"
#include "tests/fuzz/random_operations.h"

namespace bulkhead_fuzz {
namespace {

using bulkhead::ThreadRecord;

enum class ValueKind : unsigned {
  // The owner's own.
  kBlock,
  kInsideBlock,
  kUnaligned,
  kCache,
  kNoPages,
  // Another compartment's.
  kOthersBlock,
  kInsideOthersBlock,
  kOthersCache,
  // Bulkhead's.
  kMetadata,
  // Everybody's.
  kRootsBlock,
  kKeyZero,
  kNumber,
  kRandom,
  kKinds
};

// Whether the owner's malloc() and free(), given such a value, stay in memory
// that is the owner's, or fault.
bool StaysInside(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBlock:
    case ValueKind::kInsideBlock:
    case ValueKind::kUnaligned:
    case ValueKind::kCache:
    case ValueKind::kNoPages:
    case ValueKind::kMetadata:
      return true;
    case ValueKind::kOthersBlock:
    case ValueKind::kInsideOthersBlock:
    case ValueKind::kOthersCache:
      // Without caches others' live map is not there.
      return KeysAreEnforced() || bh_get_level() != BH_LEVEL_PKU;
    default:
      return false;
  }
}

// The owner's cache of the calling thread; else of any thread.
uintptr_t CacheOf(Owner owner) {
  const uint32_t row = TheDomains().HandleOf(owner).id;
  const ThreadRecord* record = bulkhead::CurrentRecord();
  if (owner != kRootOwner || record->caches[row] == nullptr) {
    for (record = bulkhead::FirstRecord(); record != nullptr;
         record = record->next) {
      if (record->caches[row] != nullptr) break;
    }
  }
  return record == nullptr ? 0
                           : reinterpret_cast<uintptr_t>(record->caches[row]);
}

uintptr_t Metadata(unsigned which) {
  const bulkhead::Reservation& all = bulkhead::reservation;
  const uintptr_t places[] = {
      reinterpret_cast<uintptr_t>(bulkhead::CurrentRecord()),
      all.metadata().begin + which * size_t{64},
      all.frames().begin + which * size_t{16},
      all.live_map().begin,
      reinterpret_cast<uintptr_t>(bulkhead::reservation.begin()),
  };
  return places[which % std::size(places)];
}

uintptr_t KeyZero(unsigned which) {
  const uintptr_t places[] = {
      reinterpret_cast<uintptr_t>(&TheEvidence()),
      reinterpret_cast<uintptr_t>(&TheDomains()),
      reinterpret_cast<uintptr_t>(__builtin_frame_address(0)),
      reinterpret_cast<uintptr_t>(&KeyZero),
  };
  return places[which % std::size(places)] & ~uintptr_t{15};
}

uintptr_t Number(unsigned which) {
  constexpr uintptr_t kNumbers[] = {0,
                                    1,
                                    8,
                                    16,
                                    4096,
                                    uintptr_t{1} << 47,
                                    uintptr_t{1} << 60,
                                    ~uintptr_t{0},
                                    ~uintptr_t{15}};
  return kNumbers[which % std::size(kNumbers)];
}

}  // namespace

HostileValues::Value HostileValues::Pick(Owner owner, unsigned raw_kind,
                                         unsigned which, size_t size) const {
  const auto kind = static_cast<ValueKind>(
      raw_kind % static_cast<unsigned>(ValueKind::kKinds));
  // A live block of an owner that is_wanted says yes to, or 0.
  const auto find_block = [&](auto is_wanted) {
    uintptr_t any = 0;
    for (size_t i = 0; i < kSlots; ++i) {
      const size_t slot = (which + i) % kSlots;
      if (!model_.IsLive(slot) || !is_wanted(model_.At(slot).owner)) continue;
      if (any == 0) any = model_.At(slot).address;
      if (model_.At(slot).usable == size) return model_.At(slot).address;
    }
    return any;
  };
  const auto is_other = [&](Owner other) {
    return other != owner && other != kRootOwner;
  };
  Value value = {0, !StaysInside(kind)};
  switch (kind) {
    case ValueKind::kBlock:
      value.bits = OneOf(owner, which);
      break;
    case ValueKind::kInsideBlock:
      value.bits = OneOf(owner, which) + 16 * (1 + which % 8);
      break;
    case ValueKind::kUnaligned:
      value.bits = OneOf(owner, which) + 1 + which % 15;
      break;
    case ValueKind::kCache:
      value.bits = CacheOf(owner) + which % 64 * 16;
      break;
    case ValueKind::kNoPages:
      value.bits = (OneOf(owner, which) | 0x0fffffff) & ~uintptr_t{15};
      break;
    case ValueKind::kOthersBlock:
      value.bits = find_block(is_other);
      break;
    case ValueKind::kInsideOthersBlock:
      value.bits = find_block(is_other) + 16;
      break;
    case ValueKind::kOthersCache:
      value.bits = CacheOf(1 + (owner + which) % kCompartments);
      break;
    case ValueKind::kMetadata:
      value.bits = Metadata(which);
      break;
    case ValueKind::kRootsBlock:
      value.bits = find_block([](Owner other) { return other == kRootOwner; });
      break;
    case ValueKind::kKeyZero:
      value.bits = KeyZero(which);
      break;
    case ValueKind::kNumber:
      value.bits = Number(which);
      break;
    default:
      value.bits = Random(which).Next();
      break;
  }
  // There was no such thing.
  if (value.bits < 4096) value.leads_out = true;
  return value;
}

void HostileValues::Add(Owner owner, uintptr_t address) {
  blocks_[owner][added_[owner]++ % kMostBlocks] = address;
}

uintptr_t HostileValues::OneOf(Owner owner, unsigned which) const {
  const uint32_t count =
      added_[owner] < kMostBlocks ? added_[owner].load() : kMostBlocks;
  return count == 0 ? 0 : blocks_[owner][which % count].load();
}

}  // namespace bulkhead_fuzz
