// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The process's mappings, read from /proc/self/maps, or from /proc/self/smaps
// where their keys are wanted, with system calls alone.
// Signal-safe.

#ifndef BULKHEAD_ISOLATION_SYS_MEMORY_MAP_H_
#define BULKHEAD_ISOLATION_SYS_MEMORY_MAP_H_

#include <stddef.h>
#include <stdint.h>

namespace bulkhead {
namespace sys {

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  int protection = 0;  // PROT_ bits
  bool is_private = false;
  int key = 0;            // its protection key, if asked for
  const char* name = "";  // a file's path, a "[name]", or empty; until the next
};

// Reads one mapping after another, in the order of their addresses, as they are
// when each is read. Names past some 500 characters are cut.
class MemoryMap {
 public:
  enum class Keys { kLeftOut, kRead };

  // With the keys, the kernel looks at every page, which takes long.
  explicit MemoryMap(Keys keys = Keys::kLeftOut);
  ~MemoryMap();
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  // False where /proc is not mounted.
  bool ok() const { return file_ >= 0; }
  // False: there are no more.
  bool Next(Mapping& mapping);

 private:
  // The next line, in `line`, cut where it is longer.
  template <size_t kBytes>
  const char* NextLine(char (&line)[kBytes]);
  bool Fill();
  int ReadKey();

  const bool has_keys_;
  const int file_;
  size_t at_ = 0;
  size_t filled_ = 0;
  char buffer_[512];
  char line_[512];
};

}  // namespace sys
}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_SYS_MEMORY_MAP_H_
