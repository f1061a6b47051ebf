// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Ids and units. Each is a type of its own, so that a key is never taken for a
// compartment.

#ifndef BULKHEAD_ISOLATION_BASE_IDS_H_
#define BULKHEAD_ISOLATION_BASE_IDS_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// A row of the compartment table. The root's row is 0.
enum class CompartmentId : uint32_t {};
inline constexpr CompartmentId kRoot{0};

constexpr uint32_t Index(CompartmentId id) { return static_cast<uint32_t>(id); }

// A hardware protection key, 0 to 15. Key 0 is every page that nobody tagged.
enum class HardwareKey : int32_t {};
inline constexpr HardwareKey kUntagged{0};
inline constexpr HardwareKey kNoKey{-1};

constexpr int Number(HardwareKey key) { return static_cast<int>(key); }

inline constexpr size_t kPageBytes = 4096;
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

constexpr uintptr_t RoundUp(uintptr_t value, uintptr_t power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr uintptr_t RoundDown(uintptr_t value, uintptr_t power_of_two) {
  return value & ~(power_of_two - 1);
}

// A run of pages: [begin, begin + bytes).
struct PageRange {
  uintptr_t begin = 0;
  size_t bytes = 0;

  constexpr uintptr_t end() const { return begin + bytes; }
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_IDS_H_
