// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/watch.h"

#include <cstring>

#include "allocator/heap/heap_monitor.h"
#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "isolation/thread/call_monitor.h"
#include "tests/fuzz/domains.h"
#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {
namespace {

using bulkhead::ThreadRecord;

constexpr size_t kPage = 4096;
constexpr size_t kBinBytes =
    bulkhead::kCachedClasses * sizeof(bulkhead::CacheBin);

uint64_t Mix(uint64_t digest, uint64_t word) {
  return (digest ^ word) * 0x100000001b3;
}

uint64_t MixCache(uint64_t digest, uintptr_t cache) {
  unsigned char page[kPage];
  for (size_t at = 0; at < kBinBytes; at += sizeof(page)) {
    if (!ReadFromOutside(cache + at, page, sizeof(page))) return Mix(digest, 1);
    for (size_t i = 0; i < sizeof(page); i += sizeof(uint64_t)) {
      uint64_t word;
      memcpy(&word, page + i, sizeof(word));
      digest = Mix(digest, word);
    }
  }
  return digest;
}

}  // namespace

void Watch::Remember(unsigned owners, const ThreadRecord* ending) {
  owners_ = owners;
  ending_ = ending;
  caches_ = DigestOfCaches();
  live_map_ = DigestOfLiveMap();
  is_remembered_ = true;
}

const char* Watch::FindChange() const {
  if (!is_remembered_) return nullptr;
  if (DigestOfCaches() != caches_) return "a thread cache of another owner's";
  if (DigestOfLiveMap() != live_map_) return "the live map of another owner's";
  return nullptr;
}

size_t Watch::FindLost() const {
  ThreadRecord& record = *bulkhead::CurrentRecord();
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (!model_.IsLive(slot)) continue;
    const uint32_t generation = model_.GenerationOf(slot);
    const Block block = model_.At(slot);
    const bh_result found = bulkhead::CallMonitor(
        record, bulkhead::MonitorCall::kInspect, block.address);
    const auto status = static_cast<bulkhead::FreeStatus>(found.status);
    const bool in_use =
        status == bulkhead::FreeStatus::kDone && found.value == block.usable;
    if (!in_use && model_.IsLive(slot) &&
        model_.GenerationOf(slot) == generation) {
      return slot;
    }
  }
  return kSlots;
}

bool Watch::IsWatched(uint32_t row) const {
  for (Owner owner = 0; owner < kOwners; ++owner) {
    const bool is_hostile = (owners_ >> owner & 1) != 0;
    if (is_hostile && TheDomains().HandleOf(owner).id == row) return false;
  }
  return true;
}

uint64_t Watch::DigestOfCaches() const {
  uint64_t digest = 0;
  for (const ThreadRecord* record = bulkhead::FirstRecord(); record != nullptr;
       record = record->next) {
    if (record == ending_) continue;
    for (uint32_t row = 0; row < BH_MAX_COMPARTMENTS; ++row) {
      if (record->caches[row] == nullptr || !IsWatched(row)) continue;
      digest =
          MixCache(digest, reinterpret_cast<uintptr_t>(record->caches[row]));
    }
  }
  return digest;
}

uint64_t Watch::DigestOfLiveMap() const {
  uint64_t digest = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (!model_.IsLive(slot)) continue;
    unsigned char byte = 0;
    const unsigned char& live = bulkhead::LiveByteOf(model_.At(slot).address);
    ReadFromOutside(reinterpret_cast<uintptr_t>(&live), &byte, 1);
    digest = Mix(digest, byte + 1u);
  }
  return digest;
}

}  // namespace bulkhead_fuzz
