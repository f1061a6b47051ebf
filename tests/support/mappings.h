// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the kernel says of the mapping that holds an address.

#ifndef BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_
#define BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_

#include <string>

namespace bulkhead_test {

struct Mapping {
  bool found = false;
  std::string permissions;  // "rw-p"
  std::string flags;        // of /proc/self/smaps: " rd wr mr mw me ac dd"
  int key = -1;             // -1: the kernel shows none

  bool HasFlag(const std::string& flag) const {
    return (flags + " ").find(" " + flag + " ") != std::string::npos;
  }
};

Mapping FindMapping(const void* address);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_MAPPINGS_H_
