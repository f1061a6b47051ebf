// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What every heap holds, as JSON. docs/statistics.md describes it.

#ifndef BULKHEAD_ALLOCATOR_STATS_JSON_STATS_H_
#define BULKHEAD_ALLOCATOR_STATS_JSON_STATS_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// Grows when a field goes or changes its meaning, not when one is added.
inline constexpr uint64_t kStatsSchema = 1;

// The contract of bh_stats(), for a heap that has started: returns the bytes
// that the text takes, its NUL included. More than `size`: it did not fit, and
// is empty.
size_t WriteJsonStats(char* buffer, size_t size);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_STATS_JSON_STATS_H_
