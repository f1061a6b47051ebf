// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the heaps hold, in the forms that glibc's malloc.h defines.
// docs/statistics.md says what stands where.

#ifndef BULKHEAD_ALLOCATOR_STATS_MALLOC_INFO_H_
#define BULKHEAD_ALLOCATOR_STATS_MALLOC_INFO_H_

#include <malloc.h>
#include <stdio.h>

namespace bulkhead {

// Sums over all heaps: arena (bytes of pages that hold blocks, or were freed
// and not yet given back), uordblks (of the program's blocks), fordblks (the
// rest), smblks and fsmblks (blocks and bytes in threads' caches, a part of the
// rest), ordblks (free blocks and runs of pages), keepcost (what malloc_trim()
// may give back). No block is mapped by itself: hblks and hblkhd are 0.
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
