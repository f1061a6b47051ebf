// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Writes the table of docs/sandbox_libc.md from the rows that libc_test runs.

#include <cstdio>

namespace {

struct Row {
  const char* group;  // nullptr but where one begins
  const char* name;
  const char* outcome;
  const char* note;
};

constexpr const char* kWorks = "works";
constexpr const char* kServed = "served by Bulkhead";
constexpr const char* kError = "refused: an error";
constexpr const char* kStopped = "refused: the report of an access";
constexpr const char* kRefusedCall = "refused: the report of a call";

constexpr Row kRows[] = {
#define BH_LIBC_GROUP(title) {title, nullptr, nullptr, nullptr},
#define BH_LIBC(name, outcome, note, ...) {nullptr, name, outcome, note},
#include "tests/sandboxes/libc.inc"
#undef BH_LIBC
#undef BH_LIBC_GROUP
};

}  // namespace

int main() {
  for (const Row& row : kRows) {
    if (row.group != nullptr) {
      std::printf("\n## Of %s\n\n", row.group);
      std::printf("| functions | in a sandbox | note |\n| --- | --- | --- |\n");
    } else {
      std::printf("| %s | %s | %s |\n", row.name, row.outcome, row.note);
    }
  }
  std::printf("\n");
  return std::fflush(stdout) == 0 ? 0 : 1;
}
