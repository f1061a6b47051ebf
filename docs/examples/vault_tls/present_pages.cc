// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_tls/present_pages.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "docs/examples/vault_keys/memory_map.h"

namespace bulkhead::vault_tls {
namespace {

using vault_keys::kPageBytes;

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwapped = uint64_t{1} << 62;

// The ABI of PAGEMAP_SCAN, which Debian 12's headers do not have.
struct Region {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};
struct ScanArguments {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t regions;
  uint64_t region_count;
  uint64_t most_pages;
  uint64_t inverted_categories;
  uint64_t all_of;
  uint64_t any_of;
  uint64_t returned;
};
constexpr unsigned long kScan = _IOWR('f', 16, ScanArguments);
constexpr uint64_t kIsPresent = 1 << 3;
constexpr uint64_t kIsSwapped = 1 << 4;

bool ReadEntries(int pagemap, uintptr_t begin, uintptr_t end,
                 std::vector<PageRange>* ranges) {
  std::vector<uint64_t> entries(64 * 1024);
  for (uintptr_t page = begin; page < end;) {
    const size_t wanted =
        std::min(entries.size(), (end - page) / kPageBytes) * sizeof(uint64_t);
    const ssize_t got =
        pread(pagemap, entries.data(), wanted,
              static_cast<off_t>(page / kPageBytes * sizeof(uint64_t)));
    if (got != static_cast<ssize_t>(wanted)) {
      if (got >= 0) errno = EIO;
      return false;
    }
    for (size_t i = 0; i < wanted / sizeof(uint64_t); ++i) {
      if (entries[i] & (kPresent | kSwapped)) {
        ranges->push_back({page, page + kPageBytes});
      }
      page += kPageBytes;
    }
  }
  return true;
}

}  // namespace

bool AddPresentRanges(int pagemap, uintptr_t begin, uintptr_t end,
                      std::vector<PageRange>* ranges) {
  Region regions[256];
  for (uintptr_t next = begin; next < end;) {
    ScanArguments arguments = {};
    arguments.size = sizeof(arguments);
    arguments.start = next;
    arguments.end = end;
    arguments.regions = reinterpret_cast<uint64_t>(regions);
    arguments.region_count = std::size(regions);
    arguments.any_of = arguments.returned = kIsPresent | kIsSwapped;
    const int found = ioctl(pagemap, kScan, &arguments);
    if (found < 0) {
      return errno == ENOTTY && next == begin &&
             ReadEntries(pagemap, begin, end, ranges);
    }
    for (int i = 0; i < found; ++i) {
      ranges->push_back({regions[i].start, regions[i].end});
    }
    next = arguments.walk_end;
  }
  return true;
}

}  // namespace bulkhead::vault_tls
