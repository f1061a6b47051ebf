// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The mappings of a process, and which pages of this process's exist.

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
  int key = 0;                // protection key
  size_t existing_pages = 0;  // in memory or in swap; zero pages do not count

  size_t Bytes() const { return end - begin; }
};

// The mappings as /proc/PID/smaps lists them. Thread safety: none. Allocates
// nothing, and the object holds every byte that it works on.
class MemoryMap {
 public:
  // Those of the process with that number, or "self". Returns false, with errno
  // set, when smaps cannot be read, and with errno ENOSPC when it has more
  // mappings than fit.
  bool Read(const char* process = "self");

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

// Which pages of a mapping have memory or swap behind them, from
// /proc/self/pagemap. As MemoryMap otherwise.
class PagePresence {
 public:
  // Returns false with errno set when pagemap cannot be opened.
  bool Open();
  void Close();

  // Turns to another mapping. Reads it from both ends until it has seen as many
  // pages as the mapping has, so that FindNext() need not look through the
  // terabytes between. Returns false with errno set when pagemap cannot be
  // read.
  bool Begin(const Mapping& mapping);

  // Finds the first page from `from` on that exists; *found is the mapping's
  // end when there is none. Returns false with errno set when pagemap cannot be
  // read.
  bool FindNext(uintptr_t from, uintptr_t* found);

 private:
  bool ReadEntries(uintptr_t begin, uintptr_t end);
  size_t CountExisting() const;

  int file_ = -1;
  uintptr_t end_ = 0;  // of the mapping
  // Where, within the mapping, no page exists.
  uintptr_t gap_begin_ = 0;
  uintptr_t gap_end_ = 0;
  // The pages that `entries_` describes.
  uintptr_t entries_begin_ = 0;
  uintptr_t entries_end_ = 0;
  uint64_t entries_[8 * 1024];
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_MEMORY_MAP_H_
