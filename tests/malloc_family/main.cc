// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests on the allocator that --allocator names, and refuses to run
// them on another one: a suite that silently tests glibc proves nothing.

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

constexpr char kUsage[] =
    "usage: %s --allocator=linked|preloaded|glibc [--preload=LIBRARY] "
    "[GoogleTest's flags]\n";

constexpr int kExitUsage = 2;

// In the environment of a program that was started again.
constexpr char kRestarted[] = "BULKHEAD_TEST_PRELOADED";

struct Arguments {
  std::string allocator;
  std::string preload;
  // What is left for GoogleTest, argv[0] first.
  std::vector<char*> rest;
};

bool TakeFlag(const char* argument, const char* flag, std::string* value) {
  const size_t length = std::strlen(flag);
  if (std::strncmp(argument, flag, length) != 0) return false;
  *value = argument + length;
  return true;
}

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 0; i < argc; ++i) {
    if (!TakeFlag(argv[i], "--allocator=", &arguments.allocator) &&
        !TakeFlag(argv[i], "--preload=", &arguments.preload)) {
      arguments.rest.push_back(argv[i]);
    }
  }
  return arguments;
}

// Starts this program again with the library preloaded, before what is already.
// Returns only on failure.
void PreloadAndRestart(const std::string& library, char** argv) {
  char* const absolute = realpath(library.c_str(), nullptr);
  if (absolute == nullptr) {
    std::perror(library.c_str());
    return;
  }
  const char* const others = getenv("LD_PRELOAD");
  std::string preload = absolute;
  free(absolute);
  if (others != nullptr) preload = preload + ":" + others;
  setenv("LD_PRELOAD", preload.c_str(), 1);
  setenv(kRestarted, "1", 1);
  execv("/proc/self/exe", argv);
  std::perror("/proc/self/exe");
}

int Main(int argc, char** argv) {
  Arguments arguments = Parse(argc, argv);
  const bool wants_bulkhead =
      arguments.allocator == "linked" || arguments.allocator == "preloaded";
  if (!wants_bulkhead && arguments.allocator != "glibc") {
    std::fprintf(stderr, kUsage, argv[0]);
    return kExitUsage;
  }
  if (arguments.allocator == "preloaded" && getenv(kRestarted) == nullptr) {
    PreloadAndRestart(arguments.preload, argv);
    return EXIT_FAILURE;
  }
  if (wants_bulkhead != OnBulkhead()) {
    std::fprintf(stderr, "the tests were to run on %s, but %s is in place\n",
                 arguments.allocator.c_str(),
                 OnBulkhead() ? "Bulkhead" : "another allocator");
    return EXIT_FAILURE;
  }
  int rest_count = static_cast<int>(arguments.rest.size());
  arguments.rest.push_back(nullptr);
  testing::InitGoogleTest(&rest_count, arguments.rest.data());
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
