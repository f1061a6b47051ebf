// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/mappings.h"

#include <cinttypes>
#include <cstdio>
#include <fstream>

namespace bulkhead_test {

std::vector<Mapping> AllMappings() {
  std::vector<Mapping> mappings;
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  while (std::getline(smaps, line)) {
    Mapping mapping;
    char permissions[5];
    int name_at = 0;
    if (std::sscanf(line.c_str(),
                    "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %*s %*s %n",
                    &mapping.begin, &mapping.end, permissions, &mapping.offset,
                    &name_at) == 4) {
      mapping.found = true;
      mapping.permissions = permissions;
      mapping.name = line.substr(static_cast<size_t>(name_at));
      mappings.push_back(mapping);
    } else if (line.compare(0, 8, "VmFlags:") == 0) {
      mappings.back().flags = line.substr(8);
    } else if (line.compare(0, 14, "ProtectionKey:") == 0) {
      mappings.back().key = std::stoi(line.substr(14));
    }
  }
  return mappings;
}

Mapping FindMapping(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  for (const Mapping& mapping : AllMappings()) {
    if (wanted >= mapping.begin && wanted < mapping.end) return mapping;
  }
  return {};
}

}  // namespace bulkhead_test
