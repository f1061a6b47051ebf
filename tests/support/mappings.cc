// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/mappings.h"

#include <cstdint>
#include <cstdio>
#include <fstream>

namespace bulkhead_test {

Mapping FindMapping(const void* address) {
  Mapping mapping;
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  while (std::getline(smaps, line)) {
    unsigned long begin, end;
    char permissions[5];
    if (std::sscanf(line.c_str(), "%lx-%lx %4s ", &begin, &end, permissions) ==
        3) {
      inside = wanted >= begin && wanted < end;
      if (inside) {
        mapping.found = true;
        mapping.permissions = permissions;
      }
    } else if (inside && line.compare(0, 8, "VmFlags:") == 0) {
      mapping.flags = line.substr(8);
    } else if (inside && line.compare(0, 14, "ProtectionKey:") == 0) {
      mapping.key = std::stoi(line.substr(14));
    }
  }
  return mapping;
}

}  // namespace bulkhead_test
