// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// One writer, eight readers; then one of them writes where it must not.

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>

#include "docs/examples/rate_table/rate_table.h"
#include "docs/examples/rate_table/readers.h"

namespace {

constexpr char kUsage[] =
    "usage: rate_table [--no-bug]\n"
    "\n"
    "Has one thread change a table in place for a second, while eight threads "
    "read\n"
    "it. Then a reader writes to it, which ends the process by a report of "
    "Bulkhead's.\n"
    "\n"
    "  --no-bug  leaves the last part out\n";

int Run(bool with_bug) {
  auto table = rate_table::RateTable::Create();
  if (!table.ok()) {
    fprintf(stderr, "rate_table: %s\n",
            std::string(table.status().message()).c_str());
    return 1;
  }
  uint64_t updates = 0;
  uint64_t lookups = 0;
  uint64_t torn = 0;
  {
    const rate_table::Readers readers(**table);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < end) {
      const size_t index = ++updates % rate_table::RateTable::kRates;
      const absl::Status set =
          (*table)->Set(index, rate_table::RateOf(updates));
      if (!set.ok()) {
        fprintf(stderr, "rate_table: %s\n", std::string(set.message()).c_str());
        return 1;
      }
    }
    lookups = readers.lookups();
    torn = readers.torn();
  }
  printf("%" PRIu64 " updates, %" PRIu64 " lookups by %d threads, %" PRIu64
         " torn\n",
         updates, lookups, rate_table::kReaders, torn);
  fflush(stdout);
  if (with_bug) rate_table::WriteAstray(**table);
  return torn == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool with_bug = true;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--help") == 0) {
      fputs(kUsage, stdout);
      return 0;
    }
    if (strcmp(argv[i], "--no-bug") != 0) {
      fprintf(stderr, "rate_table: unknown option %s\n%s", argv[i], kUsage);
      return 2;
    }
    with_bug = false;
  }
  return Run(with_bug);
}
