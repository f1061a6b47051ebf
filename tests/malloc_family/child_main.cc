// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// main() of tests that run a child on several allocators.

#include <stdlib.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

constexpr char kUsage[] =
    "usage: %s --child=PROGRAM --linked-child=PROGRAM --library=LIBRARY "
    "[GoogleTest's flags]\n";
constexpr int kExitUsage = 2;

// The absolute form of an existing file's path; children change directories and
// the dynamic linker searches for names without a slash.
bool TakePath(const char* argument, const std::string& flag,
              std::string* path) {
  if (std::strncmp(argument, flag.c_str(), flag.size()) != 0) return false;
  char* const absolute = realpath(argument + flag.size(), nullptr);
  if (absolute != nullptr) *path = absolute;
  free(absolute);
  return true;
}

int Main(int argc, char** argv) {
  const std::pair<std::string, std::string*> flags[] = {
      {"--child=", &child_paths.plain},
      {"--linked-child=", &child_paths.linked},
      {"--library=", &child_paths.library}};
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    bool taken = false;
    for (const auto& [flag, path] : flags) {
      taken = taken || TakePath(argv[i], flag, path);
    }
    if (!taken) rest.push_back(argv[i]);
  }
  for (const auto& [flag, path] : flags) {
    if (!path->empty()) continue;
    std::fprintf(stderr, "%s no such file\n", flag.c_str());
    std::fprintf(stderr, kUsage, argv[0]);
    return kExitUsage;
  }
  int rest_count = static_cast<int>(rest.size());
  rest.push_back(nullptr);
  testing::InitGoogleTest(&rest_count, rest.data());
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
