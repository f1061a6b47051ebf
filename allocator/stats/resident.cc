// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/stats/resident.h"

#include "allocator/heap/page_map.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

constexpr size_t kPagesAtOnce = 2048;

// Calls `visit(address, is resident)` for each page. False: the kernel refused.
template <typename Visitor>
bool ForEachPage(PageRange pages, Visitor visit) {
  unsigned char resident[kPagesAtOnce] = {};
  for (size_t done = 0; done < pages.bytes;) {
    const size_t rest = pages.bytes - done;
    const size_t bytes = rest < sizeof(resident) * kPageBytes
                             ? rest
                             : sizeof(resident) * kPageBytes;
    const uintptr_t begin = pages.begin + done;
    long result = -EAGAIN;
    while (result == -EAGAIN) result = sys::Mincore(begin, bytes, resident);
    if (result != 0) return false;
    for (size_t at = 0; at < bytes; at += kPageBytes) {
      visit(begin + at, (resident[at / kPageBytes] & 1) != 0);
    }
    done += bytes;
  }
  return true;
}

// Bytes of the block that starts in the page: its class, or jemalloc, knows.
size_t BlockBytes(uintptr_t page, SizeClass size_class) {
  if (Index(size_class) != kLastClass) return SizeOf(size_class);
  return CallMonitor(*CurrentRecord(), MonitorCall::kInspect, page).value;
}

}  // namespace

uint64_t ResidentBytes(PageRange pages) {
  uint64_t bytes = 0;
  const bool known = ForEachPage(pages, [&](uintptr_t, bool is_resident) {
    if (is_resident) bytes += kPageBytes;
  });
  return known ? bytes : kUnknown;
}

uint64_t ResidentBytes(PageRange pages, uint64_t (&by_class)[kAllClasses]) {
  uint64_t bytes = 0;
  // The page map has an entry for each page of a slab, and for the first of a
  // large block.
  uint32_t number = 0;  // of the class of the pages at hand; 0: none
  uintptr_t end = 0;    // where the block at hand ends
  const bool known = ForEachPage(pages, [&](uintptr_t page, bool is_resident) {
    const uint32_t entry =
        __atomic_load_n(&PageEntryOf(page), __ATOMIC_RELAXED);
    if (entry != 0) {
      const SizeClass size_class{static_cast<uint32_t>(entry >> kTagBits)};
      const bool is_small = Index(size_class) < kSmallClasses;
      const size_t block = is_small ? kPageBytes : BlockBytes(page, size_class);
      number = is_small ? Index(size_class) : NumberOf(block);
      end = page + block;
    } else if (page >= end) {
      number = 0;
    }
    if (!is_resident) return;
    bytes += kPageBytes;
    if (number != 0) by_class[number] += kPageBytes;
  });
  return known ? bytes : kUnknown;
}

}  // namespace bulkhead
