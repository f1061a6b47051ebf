// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/random_operations.h"

#include <algorithm>

namespace bulkhead_fuzz {
namespace {

// How often each kind comes up, in relation to the others.
struct Weight {
  Kind first;
  Kind last;
  uint32_t weight;
};
constexpr Weight kHonestWeights[] = {
    {Kind::kMalloc, Kind::kMalloc, 20},
    {Kind::kCalloc, Kind::kBhAlignedAlloc, 25},
    {Kind::kFree, Kind::kFree, 16},
    {Kind::kFreeSized, Kind::kDeleteSized, 8},
    {Kind::kRealloc, Kind::kReallocarray, 10},
    {Kind::kUsableSize, Kind::kRefused, 3},
    {Kind::kTrim, Kind::kTrim, 3},
    {Kind::kMeasure, Kind::kCheck, 2},
    {Kind::kEndThread, Kind::kEndThread, 2},
    {Kind::kDestroy, Kind::kDestroy, 2},
    {Kind::kFork, Kind::kFork, 1},
    {Kind::kTogether, Kind::kTogether, 4},
};
constexpr Weight kHostileWeights[] = {
    {Kind::kPoisonSlots, Kind::kPoisonSlots, 6},
    {Kind::kPoisonCounts, Kind::kPoisonCounts, 3},
    {Kind::kCallMonitor, Kind::kCallMonitor, 4},
    {Kind::kMalloc, Kind::kMalloc, 6},
    {Kind::kBhMalloc, Kind::kBhMalloc, 1},
    {Kind::kFree, Kind::kFree, 6},
    {Kind::kRealloc, Kind::kRealloc, 1},
    {Kind::kTrim, Kind::kTrim, 3},
    {Kind::kEndThread, Kind::kEndThread, 1},
    {Kind::kDestroy, Kind::kDestroy, 1},
    {Kind::kTogether, Kind::kTogether, 2},
};

template <size_t kCount>
Kind PickKind(Random& random, const Weight (&weights)[kCount]) {
  uint32_t sum = 0;
  for (const Weight& weight : weights) sum += weight.weight;
  uint32_t at = random.Below(sum);
  for (const Weight& weight : weights) {
    if (at >= weight.weight) {
      at -= weight.weight;
      continue;
    }
    const auto first = static_cast<uint32_t>(weight.first);
    const uint32_t kinds = static_cast<uint32_t>(weight.last) - first + 1;
    return static_cast<Kind>(first + random.Below(kinds));
  }
  return Kind::kCheck;
}

// Small ones most often; now and then one at the edge of a size class.
uint32_t PickSize(Random& random) {
  constexpr uint32_t kBits[] = {6, 8, 8, 9, 10, 12, 12, 14, 14, 17, 20, 23};
  const uint32_t bits = kBits[random.Below(std::size(kBits))];
  if (random.Once(4)) {
    const uint32_t edge = uint32_t{1} << random.Below(bits);
    return std::min(edge + random.Below(3), kSizes - 1) - (edge > 1 ? 1 : 0);
  }
  return random.Below(uint32_t{1} << bits);
}

Path PickPath(Random& random) {
  Path path = {};
  if (random.Once(3)) return path;
  for (Step& step : path) {
    step.way = random.Once(2) ? Way::kGate : Way::kScope;
    step.compartment = static_cast<uint8_t>(random.Below(kCompartments));
    if (!random.Once(5)) break;
  }
  return path;
}

uint8_t PickCount(Random& random) {
  if (random.Once(3)) return 1;
  return static_cast<uint8_t>(1 +
                              random.Below(random.Once(2) ? kMostCount : 8));
}

uint8_t PickAlignment(Random& random) {
  return static_cast<uint8_t>(random.Below(random.Once(8) ? kAlignments : 14));
}

uint16_t PickSlot(Random& random) {
  // Few places, so that operations meet.
  return static_cast<uint16_t>(random.Once(4) ? random.Below(kSlots)
                                              : random.Below(8) * kMostCount);
}

Operation PickOperation(Random& random, Kind kind) {
  Operation operation;
  operation.kind = kind;
  operation.thread = static_cast<uint8_t>(random.Below(kThreads));
  operation.path = PickPath(random);
  operation.slot = PickSlot(random);
  operation.count = PickCount(random);
  operation.size = PickSize(random);
  operation.alignment = PickAlignment(random);
  operation.detail = static_cast<uint8_t>(random.Below(256));
  return operation;
}

void MutateOperand(Random& random, Operation& operation) {
  const Operation other = PickOperation(random, operation.kind);
  switch (random.Below(7)) {
    case 0:
      operation.thread = other.thread;
      return;
    case 1:
      operation.path = other.path;
      return;
    case 2:
      operation.slot = other.slot;
      return;
    case 3:
      operation.count = other.count;
      return;
    case 4:
      operation.size = other.size;
      return;
    case 5:
      operation.alignment = other.alignment;
      return;
    default:
      operation.detail = other.detail;
      return;
  }
}

}  // namespace

uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint32_t Random::Below(uint32_t bound) {
  return static_cast<uint32_t>(Next() % bound);
}

OperationList RandomList(Random& random, Cast cast, size_t length) {
  OperationList list;
  const size_t honest = cast == Cast::kHonest ? length : length / 2;
  // Blocks of one size are everywhere.
  const uint32_t size = PickSize(random);
  while (list.size() < honest) {
    list.push_back(PickOperation(random, PickKind(random, kHonestWeights)));
    if (random.Once(3)) list.back().size = size;
  }
  // One thread and one domain do most of what a hostile compartment does.
  const Operation attacker = PickOperation(random, Kind::kCheck);
  while (list.size() < length) {
    list.push_back(PickOperation(random, PickKind(random, kHostileWeights)));
    if (!random.Once(4)) list.back().thread = attacker.thread;
    if (!random.Once(4)) list.back().path = attacker.path;
    if (!random.Once(4)) list.back().size = size;
  }
  return list;
}

void Mutate(Random& random, OperationList& list) {
  const Kind kind = static_cast<Kind>(random.Below(kKinds));
  if (list.empty()) {
    list.push_back(PickOperation(random, kind));
    return;
  }
  const auto place = [&] {
    return random.Below(static_cast<uint32_t>(list.size()));
  };
  const auto at = [&](uint32_t index) {
    return list.begin() + static_cast<ptrdiff_t>(index);
  };
  switch (random.Below(8)) {
    case 0:
      list.insert(at(place()), PickOperation(random, kind));
      break;
    case 1:
      list.push_back(PickOperation(random, kind));
      break;
    case 2:
      list.erase(at(place()));
      break;
    case 3: {
      const Operation again = list[place()];
      list.insert(at(place()), again);
      break;
    }
    case 4:
      std::swap(list[place()], list[place()]);
      break;
    case 5:
      list[place()].kind = kind;
      break;
    default:
      MutateOperand(random, list[place()]);
      break;
  }
  if (list.size() > kMostOperations) list.resize(kMostOperations);
}

}  // namespace bulkhead_fuzz
