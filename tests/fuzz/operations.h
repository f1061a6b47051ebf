// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the fuzzer's inputs are: lists of operations on heaps, in text that
// people read and write too. A line is an operation:
//
//   malloc thread=1 in=gate:2,scope:0 slot=17 count=40 size=112
//
// An operation has every operand; those that are not said are 0, `count` is 1.
// What each kind does with them stands in operations.inc.
//
// Any text is a list: lines that begin with no operation's name and words that
// are no operand are passed over, and numbers are brought into their ranges.

#ifndef BULKHEAD_TESTS_FUZZ_OPERATIONS_H_
#define BULKHEAD_TESTS_FUZZ_OPERATIONS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead_fuzz {

enum class Kind : uint8_t {
#define BH_OPERATION(enumerator, name, text) enumerator,
#include "tests/fuzz/operations.inc"
#undef BH_OPERATION
};

inline constexpr Kind kAllKinds[] = {
#define BH_OPERATION(enumerator, name, text) Kind::enumerator,
#include "tests/fuzz/operations.inc"
#undef BH_OPERATION
};
inline constexpr unsigned kKinds = std::size(kAllKinds);

inline constexpr unsigned kThreads = 4;  // 0 is the one that reads the list
inline constexpr unsigned kCompartments = 4;
inline constexpr unsigned kSlots = 512;
inline constexpr unsigned kMostCount = 64;
inline constexpr uint32_t kSizes = uint32_t{1} << 23;
inline constexpr unsigned kAlignments = 26;  // powers of two from 1 on
inline constexpr size_t kMostOperations = 256;

// Into a compartment, or no step at all.
enum class Way : uint8_t { kStay, kGate, kScope };
struct Step {
  Way way = Way::kStay;
  uint8_t compartment = 0;
};
// From the root domain to that of an operation.
using Path = std::array<Step, 2>;

struct Operation {
  Kind kind = Kind::kMalloc;
  uint8_t thread = 0;
  Path path = {};
  uint16_t slot = 0;
  uint8_t count = 1;
  uint32_t size = 0;
  uint8_t alignment = 0;  // its logarithm
  uint8_t detail = 0;
};

using OperationList = std::vector<Operation>;

// Whether the kind is a hostile compartment's.
constexpr bool IsHostile(Kind kind) { return kind >= Kind::kPoisonSlots; }

// At most kMostOperations; the rest of the text is passed over.
OperationList Parse(std::string_view text);

// REQUIRES: every operand is in its range. Parse() gives the list back.
std::string Print(const OperationList& list);
std::string Print(const Operation& operation);

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_OPERATIONS_H_
