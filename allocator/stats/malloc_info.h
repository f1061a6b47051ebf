// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the heaps hold, in the forms that glibc's malloc.h defines.

#ifndef BULKHEAD_ALLOCATOR_STATS_MALLOC_INFO_H_
#define BULKHEAD_ALLOCATOR_STATS_MALLOC_INFO_H_

#include <malloc.h>
#include <stdio.h>

namespace bulkhead {

// Sums over all heaps: arena (bytes obtained), uordblks (in use), fordblks
// (obtained and not in use), keepcost (what malloc_trim() may return). The
// fields of glibc's bins are 0.
struct mallinfo2 MallocInfo();

// The same with each field cut to int, as mallinfo() has them.
struct mallinfo Narrowed(const struct mallinfo2& info);

// An XML document with a heap element for each compartment. Returns 0, or -1
// with errno when the stream fails.
int WriteMallocInfo(FILE* stream);

// A table on stderr.
void WriteMallocStats();

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_STATS_MALLOC_INFO_H_
