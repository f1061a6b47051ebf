// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests: which pages of another process have memory or swap behind them.
//
// Where a mapping is terabytes long, of which a child of fork() has touched
// some pages, the kernel must say so itself: its counts in smaps do not tell
// how many to look for.

#ifndef DOCS_EXAMPLES_VAULT_TLS_PRESENT_PAGES_H_
#define DOCS_EXAMPLES_VAULT_TLS_PRESENT_PAGES_H_

#include <cstdint>
#include <vector>

namespace bulkhead::vault_tls {

struct PageRange {
  uintptr_t begin;
  uintptr_t end;
};

// Adds to `ranges`, in order, those of [begin, end). `pagemap` is the process's
// file of that name in /proc, open. Returns false with errno set when it cannot
// be read. Linux before 6.7 is asked about each page.
bool AddPresentRanges(int pagemap, uintptr_t begin, uintptr_t end,
                      std::vector<PageRange>* ranges);

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_PRESENT_PAGES_H_
