// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Which pages have memory under them, as mincore() says. The kernel is asked
// about addresses alone: nothing here reads a heap, so that it serves for
// compartments that the caller may not enter.
//
// Thread-safe; an estimate while other threads run. Not signal-safe.

#ifndef BULKHEAD_ALLOCATOR_STATS_RESIDENT_H_
#define BULKHEAD_ALLOCATOR_STATS_RESIDENT_H_

#include <cstdint>

#include "allocator/heap/measurement.h"
#include "isolation/base/ids.h"

namespace bulkhead {

// In place of a number of bytes: the kernel refused.
inline constexpr uint64_t kUnknown = ~uint64_t{0};

// Resident bytes of pages, or kUnknown.
uint64_t ResidentBytes(PageRange pages);

// The same of pages of a heap, and which part of them lies under blocks and
// slabs of each size class, by jemalloc's numbers: added to `by_class`. The
// rest is free, or threads' caches.
uint64_t ResidentBytes(PageRange pages, uint64_t (&by_class)[kAllClasses]);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_STATS_RESIDENT_H_
