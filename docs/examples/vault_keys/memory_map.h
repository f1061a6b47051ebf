// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The mappings of this process, and which of their pages exist.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_MEMORY_MAP_H_
#define DOCS_EXAMPLES_VAULT_KEYS_MEMORY_MAP_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead::vault_keys {

inline constexpr size_t kPageBytes = 4096;

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool readable = false;
  bool of_file = false;
  bool resident = false;  // has a page in memory or in swap

  size_t Bytes() const { return end - begin; }
};

// The mappings as /proc/self/smaps lists them. Thread safety: none. Allocates
// nothing, and the object holds every byte that it works on.
class MemoryMap {
 public:
  // Returns false, with errno set, when smaps cannot be read, and with errno
  // ENOSPC when it has more mappings than fit.
  bool Read();

  size_t size() const { return size_; }
  const Mapping& operator[](size_t i) const { return mappings_[i]; }

 private:
  static constexpr size_t kMost = 8192;

  bool TakeLine();

  size_t size_ = 0;
  Mapping mappings_[kMost];
  size_t line_bytes_ = 0;
  char line_[512];
  char text_[16 * 1024];
};

// Which pages of one mapping have memory or swap behind them, from
// /proc/self/pagemap. As MemoryMap otherwise.
class PagePresence {
 public:
  // Returns false with errno set when pagemap cannot be opened.
  bool Open();
  void Close();

  // Finds the first page in [from, end) that exists. Returns false with errno
  // set when pagemap cannot be read; *found is `end` when there is none.
  bool FindNext(uintptr_t from, uintptr_t end, uintptr_t* found);

 private:
  int file_ = -1;
  uintptr_t begin_ = 0;  // of the pages that `entries_` describes
  uintptr_t end_ = 0;
  uint64_t entries_[8 * 1024];
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_MEMORY_MAP_H_
