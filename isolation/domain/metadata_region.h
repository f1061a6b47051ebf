// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Memory for Bulkhead's own records and for jemalloc's metadata: a part of the
// reservation that only grows. Zeroed, never reused for anything else.

#ifndef BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_
#define BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_

#include <cstddef>

namespace bulkhead {

// Bytes at an address that is a multiple of `alignment` (a power of two), or
// nullptr when the region or the kernel's memory is used up. Thread-safe.
void* AllocateMetadata(size_t bytes, size_t alignment);

// Held around fork(), so that the child inherits the lock free.
void LockMetadataRegion();
void UnlockMetadataRegion();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_DOMAIN_METADATA_REGION_H_
