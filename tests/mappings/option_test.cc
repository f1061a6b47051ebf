// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What becomes of a refused call, by the option `mappings`.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::ChildResult;

// Set in the children: they make one refused call.
constexpr char kChild[] = "BULKHEAD_MAPPINGS_CHILD";

void* Allocate(size_t size) { return aligned_alloc(4096, size); }
BULKHEAD_ENTRY(kAllocate, "keys", Allocate);

__attribute__((noinline)) int RunChild() {
  auto keys = Compartment::Create("keys");
  if (!keys.ok()) return 1;
  void* const block = keys->Call(kAllocate, size_t{8192}).value();
  fprintf(stderr, "0x%lx\n", reinterpret_cast<uintptr_t>(block));
  return munmap(block, 4096) == -1 && errno == EPERM ? 77 : 2;
}

ChildResult Start(const std::string& options) {
  return bulkhead_test::RunInChild([&] {
    setenv("BULKHEAD_OPTIONS", options.c_str(), 1);
    setenv(kChild, "1", 1);
    execl("/proc/self/exe", "option_test", nullptr);
    _exit(99);
  });
}

TEST(MappingsOptionTest, RefusesInSilenceByDefault) {
  for (const char* options : {"", "mappings=refuse"}) {
    const ChildResult child = Start(options);
    EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
    EXPECT_FALSE(absl::StrContains(child.errors, "ERROR")) << child.errors;
  }
}

TEST(MappingsOptionTest, ReportsAndEndsTheProcessIfAsked) {
  const ChildResult child = Start("mappings=report");
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  const std::string address = child.errors.substr(0, child.errors.find('\n'));
  EXPECT_TRUE(absl::StartsWith(
      child.errors,
      absl::StrFormat("%s\n==%d==ERROR: Bulkhead: mapping-refused on address "
                      "%s\n",
                      address, child.pid, address)))
      << child.errors;
  for (const char* part :
       {"\n  address belongs to: compartment 'keys'",
        "\n  current domain: root\n", "RunChild",
        "\nSUMMARY: Bulkhead: mapping-refused of 'keys' in "}) {
    EXPECT_TRUE(absl::StrContains(child.errors, part)) << child.errors;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (getenv(kChild) != nullptr) return RunChild();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
