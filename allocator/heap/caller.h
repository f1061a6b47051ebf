// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Who calls the heap, and what that thread has in its cache.
//
// Runs in: the caller's domain. Nothing here writes to metadata.

#ifndef BULKHEAD_ALLOCATOR_HEAP_CALLER_H_
#define BULKHEAD_ALLOCATOR_HEAP_CALLER_H_

#include <cstdint>

#include "allocator/heap/size_class.h"
#include "allocator/heap/thread_cache.h"
#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// The calling thread, the compartment in whose domain it runs, and that one's
// cache, if it has one.
struct Caller {
  ThreadRecord& record;
  CompartmentId id;
  ThreadCache* cache;

  CacheBin& BinOf(SizeClass size_class) const {
    return cache->bins[Index(size_class)];
  }
};

// Makes a cache where there may be one. `record` is the calling thread's.
Caller FindCaller(ThreadRecord& record);

// The functions below have REQUIRES: caller.cache != nullptr;
// 0 < Index(size_class) < kCachedClasses.

// A block of the class. 0: the cache has none, and of a small class the heap
// has none either.
uintptr_t Pop(const Caller& caller, SizeClass size_class);

// Takes a block that is free now. False: the cache has no room for it.
bool Push(const Caller& caller, SizeClass size_class, uintptr_t block);

// Whether the cache holds the block.
bool Holds(const Caller& caller, SizeClass size_class, uintptr_t block);

// Now and then gives back half of what lies in a bin that nobody came to, and
// pages that have been unused for long.
void LookAfter(const Caller& caller);

// Gives all blocks back.
void EmptyCache(const Caller& caller);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_CALLER_H_
