// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the kernel says of this process's mappings.

#ifndef BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_
#define BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead_test {

struct Mapping {
  bool found = false;
  uintptr_t begin = 0;
  uintptr_t end = 0;
  uint64_t offset = 0;      // in the file, if it is one's
  std::string permissions;  // "rw-p"
  std::string name;         // a file's path, "[stack]" and the like, or nothing
  std::string flags;        // of /proc/self/smaps: " rd wr mr mw me ac dd"
  int key = -1;             // -1: the kernel shows none

  bool HasFlag(const std::string& flag) const {
    return (flags + " ").find(" " + flag + " ") != std::string::npos;
  }
  bool IsWritable() const { return permissions[1] == 'w'; }
  bool IsAccessible() const { return permissions.substr(0, 3) != "---"; }
};

// All of them, by address.
std::vector<Mapping> AllMappings();

// The one that holds the address.
Mapping FindMapping(const void* address);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_
