// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Pages of the root's that sandboxes must not read: see root_memory.h.

#ifndef BULKHEAD_ISOLATION_THREAD_ROOT_PAGES_H_
#define BULKHEAD_ISOLATION_THREAD_ROOT_PAGES_H_

#include "isolation/base/ids.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {

// Whether memory of the root's is to be closed: there is a sandbox, or will be.
inline bool IsClosingRoot() { return root_pages_key != kUntagged; }

// Gives pages of the root's its key. The kernel's result. Signal-safe.
inline long TryCloseRootPages(PageRange pages, int protection) {
  return sys::PkeyMprotect(pages.begin, pages.bytes, protection,
                           Number(root_heap_key));
}

// The same; nothing while there is no sandbox. Dies where the kernel refuses.
inline void CloseRootPages(PageRange pages, int protection) {
  if (!IsClosingRoot()) return;
  BULKHEAD_CHECK(TryCloseRootPages(pages, protection) == 0,
                 "the kernel refused to close memory of the root's");
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_ROOT_PAGES_H_
