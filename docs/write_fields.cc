// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Writes the tables of statistics.md from the list that bh_stats() and
// malloc_info() come from.

#include <cstdio>

namespace {

void WriteHead(const char* what) {
  std::printf("\n| field of %s | meaning |\n| --- | --- |\n", what);
}

void WriteRow(const char* name, const char* meaning) {
  std::printf("| `%s` | %s |\n", name, meaning);
}

}  // namespace

int main() {
  WriteHead("a compartment");
#define BH_HEAP_FIELD(name, meaning) WriteRow(#name, meaning);
#include "allocator/stats/fields.inc"
  WriteHead("a size class");
#define BH_CLASS_FIELD(name, meaning) WriteRow(#name, meaning);
#include "allocator/stats/fields.inc"
  std::printf("\n");
  return std::fflush(stdout) == 0 ? 0 : 1;
}
