// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Pointers that must not be freed end in a report and SIGABRT, never in
// silence.

#include <signal.h>

#include <cstdio>
#include <regex>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/child_process.h"

namespace bulkhead {
namespace {

struct BadFree {
  const char* what;
  const char* kind;
  // What the report says of the block there; 0: that there is none.
  size_t block_bytes;
};

constexpr size_t kSmall = 112, kMedium = 3072, kPage = 4096, kSlab = 12288,
                 kLarge = 2 << 20;

const BadFree kBadFrees[] = {
    {"stack", "wild-free", 0},
    {"static", "wild-free", 0},
    {"thread-local", "wild-free", 0},
    {"constant", "wild-free", 0},
    {"code", "wild-free", 0},
    {"mapped", "wild-free", 0},
    {"first-page", "wild-free", 0},
    {"non-canonical", "wild-free", 0},
    {"kernel", "wild-free", 0},
    {"far-in-the-heap", "wild-free", 0},
    {"small+1", "interior-free", kSmall},
    {"small+8", "interior-free", kSmall},
    {"small+16", "interior-free", kSmall},
    {"small+96", "interior-free", kSmall},
    {"medium+16", "interior-free", kMedium},
    {"medium+2048", "interior-free", kMedium},
    {"slab+4096", "interior-free", kSlab},
    {"large+16", "interior-free", kLarge},
    {"large+4096", "interior-free", kLarge},
    {"large+1048576", "interior-free", kLarge},
    {"freed-small", "double-free", kSmall},
    {"freed-medium", "double-free", kMedium},
    // The pages of a large block go back at once and are nobody's then.
    {"freed-large", "wild-free", 0},
    {"freed-long-ago", "double-free", kSmall},
    {"freed-by-another-thread", "double-free", kSmall},
};

void ExpectReport(const Variant& variant, const BadFree& bad_free,
                  const std::string& how) {
  const Outcome outcome = RunProgram(variant.With({bad_free.what, how}));
  SCOPED_TRACE(outcome);
  EXPECT_TRUE(outcome.DiedOf(SIGABRT));
  unsigned long long address = 0;
  ASSERT_EQ(std::sscanf(outcome.output.c_str(), "address=%llx", &address), 1);
  EXPECT_EQ(outcome.output.find("survived"), std::string::npos);

  // A block's compartment, and its size with the place that it begins at.
  const std::regex report(
      "==([0-9]+)==ERROR: Bulkhead: ([a-z-]+) on address 0x([0-9a-f]+)\n"
      "  [^\n]*\n"
      "  address belongs to: ([^\n]*)\n"
      "(?:  object: ([0-9]+) bytes at 0x([0-9a-f]+), (in use|free); the "
      "address is at offset ([0-9]+)\n)?"
      "  current domain: root\n");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(outcome.errors, match, report,
                                std::regex_constants::match_continuous))
      << "the report must begin on the first line of stderr";
  EXPECT_EQ(match[1], std::to_string(outcome.pid));
  EXPECT_EQ(match[2], bad_free.kind);
  EXPECT_EQ(std::stoull(match[3], nullptr, 16), address);
  const std::string block =
      bad_free.block_bytes == 0 ? "" : std::to_string(bad_free.block_bytes);
  EXPECT_EQ(match[5], block);
  if (bad_free.block_bytes == 0) return;
  EXPECT_EQ(match[4], "the root's heap");
  const auto begin = std::stoull(match[6], nullptr, 16);
  EXPECT_LE(begin, address);
  EXPECT_GT(begin + bad_free.block_bytes, address);
  EXPECT_EQ(std::stoull(match[8]), address - begin);
  const bool is_free = std::string_view(bad_free.kind) == "double-free";
  EXPECT_EQ(match[7], is_free ? "free" : "in use");
}

std::string NameOf(const testing::TestParamInfo<BadFree>& bad_free) {
  return std::regex_replace(std::string(bad_free.param.what),
                            std::regex("[^a-z0-9]"), "_");
}

class BadFreeTest : public testing::TestWithParam<BadFree> {};

TEST_P(BadFreeTest, IsReportedWhenPreloaded) {
  ExpectReport(Preloaded(), GetParam(), "free");
}

TEST_P(BadFreeTest, IsReportedWhenLinked) {
  ExpectReport(Linked(), GetParam(), "free");
}

INSTANTIATE_TEST_SUITE_P(All, BadFreeTest, testing::ValuesIn(kBadFrees),
                         NameOf);

class EveryWayToFree : public testing::TestWithParam<const char*> {};

TEST_P(EveryWayToFree, ReportsBadPointers) {
  for (const BadFree& bad_free :
       {BadFree{"stack", "wild-free", 0}, BadFree{"mapped", "wild-free", 0},
        BadFree{"small+16", "interior-free", kSmall},
        BadFree{"large+4096", "interior-free", kLarge},
        BadFree{"freed-small", "double-free", kSmall}}) {
    SCOPED_TRACE(bad_free.what);
    ExpectReport(Preloaded(), bad_free, GetParam());
  }
}

class EveryWrongSize : public testing::TestWithParam<const char*> {};

TEST_P(EveryWrongSize, IsReported) {
  for (const BadFree& bad_free :
       {BadFree{"small", "wrong-size-free", kSmall},
        BadFree{"page-aligned", "wrong-size-free", kPage},
        BadFree{"large", "wrong-size-free", kLarge}}) {
    SCOPED_TRACE(bad_free.what);
    ExpectReport(Preloaded(), bad_free, GetParam());
    ExpectReport(Linked(), bad_free, GetParam());
  }
}

std::string NameOfWay(const testing::TestParamInfo<const char*>& how) {
  return std::regex_replace(std::string(how.param), std::regex("-"), "_");
}

INSTANTIATE_TEST_SUITE_P(All, EveryWrongSize,
                         testing::Values("delete-too-small", "delete-too-large",
                                         "delete-sized-too-aligned",
                                         "free-sized", "free-aligned-sized"),
                         NameOfWay);

INSTANTIATE_TEST_SUITE_P(All, EveryWayToFree,
                         testing::Values("libc-free", "delete", "delete-sized",
                                         "realloc", "realloc-to-zero",
                                         "thread"),
                         NameOfWay);

}  // namespace
}  // namespace bulkhead
