// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Lists of operations made up at random, and changed at random. The same seed
// gives the same list everywhere.

#ifndef BULKHEAD_TESTS_FUZZ_RANDOM_OPERATIONS_H_
#define BULKHEAD_TESTS_FUZZ_RANDOM_OPERATIONS_H_

#include <cstdint>

#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

// Numbers that look random (SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // 0 to bound - 1. REQUIRES: bound is not 0.
  uint32_t Below(uint32_t bound);
  // True once in `times`.
  bool Once(uint32_t times) { return Below(times) == 0; }

 private:
  uint64_t state_;
};

// Who takes part: everyone keeps to the rules, or one compartment, from some
// operation on, does not.
enum class Cast { kHonest, kHostile };

OperationList RandomList(Random& random, Cast cast, size_t length);

// Changes one thing: an operand, an operation, their number or order.
void Mutate(Random& random, OperationList& list);

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_RANDOM_OPERATIONS_H_
