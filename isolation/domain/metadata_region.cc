// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/metadata_region.h"

#include "isolation/domain/reservation.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// Pages become accessible in steps of this, to spare system calls.
constexpr size_t kStep = size_t{256} << 10;

constinit Lock lock;
constinit uintptr_t next ABSL_GUARDED_BY(lock) = 0;
constinit uintptr_t committed_end ABSL_GUARDED_BY(lock) = 0;

}  // namespace

void* AllocateMetadata(size_t bytes, size_t alignment) {
  LockHolder hold(lock);
  const PageRange region = reservation.metadata();
  if (next == 0) next = committed_end = region.begin;
  const uintptr_t begin = RoundUp(next, alignment);
  if (bytes > region.bytes || begin > region.end() - bytes) return nullptr;
  const uintptr_t end = begin + bytes;
  if (end > committed_end) {
    uintptr_t wanted = RoundUp(end, kStep);
    if (wanted > region.end()) wanted = region.end();
    if (!OpenForGood({committed_end, wanted - committed_end})) return nullptr;
    committed_end = wanted;
  }
  next = end;
  return reinterpret_cast<void*>(begin);
}

void LockMetadataRegion() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockMetadataRegion() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

}  // namespace bulkhead
