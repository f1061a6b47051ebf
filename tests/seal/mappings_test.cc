// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the walk relies on: the kernel's table of mappings, and a file's of
// sections, as the tools here read them.

#include "tests/support/mappings.h"

#include <sys/mman.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/seal/image.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllMappings;
using bulkhead_test::FindMapping;
using bulkhead_test::Mapping;
using bulkhead_test::SectionsOf;

TEST(Mappings, AreReadWithAllThatTheKernelSays) {
  void* const pages = mmap(nullptr, 3 * kPageSize, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* const middle = static_cast<char*>(pages) + kPageSize;
  ASSERT_EQ(mprotect(middle, kPageSize, PROT_READ | PROT_WRITE), 0);
  const Mapping mapping = FindMapping(middle + 100);
  EXPECT_EQ(mapping.begin, reinterpret_cast<uintptr_t>(middle));
  EXPECT_EQ(mapping.end, mapping.begin + kPageSize);
  EXPECT_EQ(mapping.permissions, "rw-p");
  EXPECT_TRUE(mapping.HasFlag("wr"));
  EXPECT_EQ(mapping.name, "");
  EXPECT_FALSE(FindMapping(middle - 1).IsAccessible());
  munmap(pages, 3 * kPageSize);
  EXPECT_FALSE(FindMapping(middle).IsWritable());
}

TEST(Mappings, FollowEachOther) {
  uintptr_t end = 0;
  bool has_stack = false;
  for (const Mapping& mapping : AllMappings()) {
    EXPECT_GE(mapping.begin, end);
    EXPECT_GT(mapping.end, mapping.begin);
    end = mapping.end;
    has_stack |= mapping.name == "[stack]";
  }
  EXPECT_TRUE(has_stack);
}

int of_the_program = 5;

TEST(Image, HasItsSectionsWhereTheyAre) {
  Mapping first;
  const std::string path =
      FindMapping(reinterpret_cast<const void*>(&of_the_program)).name;
  for (const Mapping& mapping : AllMappings()) {
    if (mapping.name == path && mapping.offset == 0 && !first.found) {
      first = mapping;
    }
  }
  const auto data = SectionsOf(path, first.begin)[".data"];
  const auto address = reinterpret_cast<uintptr_t>(&of_the_program);
  EXPECT_LE(data.begin, address);
  EXPECT_GT(data.end, address);
  EXPECT_TRUE(SectionsOf("/proc/self/maps", 0).empty());
}

}  // namespace
}  // namespace bulkhead
