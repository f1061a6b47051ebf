// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the calling thread's domain may do to pages by system calls that ignore
// its keys.
//
//   pages                            replace, tag   protect   advise
//   the program's own                yes            yes       yes
//   handed to a heap that the
//     domain may write               no             yes       yes
//   the rest of the reservation,
//     Bulkhead's own static data     no             no        no
//   in a sandbox, all but its heap   no             no        no
//
// Replaced is what is unmapped, mapped over or moved: not even the root's heap
// may be, for the reservation has no holes. A compartment cannot take the key
// from its own pages either, nor undo by advice what it was created with (no
// core files, wiped on fork).
//
// Signal-safe. Runs in: any domain; before start-up too, when only Bulkhead's
// own static data is there to be refused.

#ifndef BULKHEAD_ISOLATION_MAPPING_RIGHTS_H_
#define BULKHEAD_ISOLATION_MAPPING_RIGHTS_H_

#include <cstddef>
#include <cstdint>

#include "isolation/base/ids.h"

namespace bulkhead {

// The pages that a system call with these arguments acts on. An empty range
// where the kernel refuses them whatever lies there: an address within a page,
// no bytes, or more than there are addresses.
PageRange PagesOf(const void* address, size_t bytes);

// Whether the caller runs in a sandbox, which maps nothing: what it would map
// carries no key of its own.
bool IsInSandbox();

// Whether the domain may unmap the pages, map over them, move them, and give
// them another key.
bool MayReplace(PageRange pages);

// Whether it may give them a protection of mprotect()'s.
bool MayProtect(PageRange pages, int protection);

// Whether it may give advice on them to madvise().
bool MayAdvise(PageRange pages, int advice);

// Whether the key is one that Bulkhead took, which is none to the program. Key
// 0 is nobody's.
bool IsBulkheadsKey(int key);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MAPPING_RIGHTS_H_
