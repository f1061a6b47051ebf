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
  // The report's kind, as a regular expression.
  const char* kind;
};

const BadFree kBadFrees[] = {
    {"stack", "wild-free"},
    {"static", "wild-free"},
    {"thread-local", "wild-free"},
    {"constant", "wild-free"},
    {"code", "wild-free"},
    {"mapped", "wild-free"},
    {"first-page", "wild-free"},
    {"non-canonical", "wild-free"},
    {"kernel", "wild-free"},
    {"far-in-the-heap", "wild-free"},
    {"small+1", "interior-free"},
    {"small+8", "interior-free"},
    {"small+16", "interior-free"},
    {"small+96", "interior-free"},
    {"medium+16", "interior-free"},
    {"medium+2048", "interior-free"},
    {"slab+4096", "interior-free"},
    {"large+16", "interior-free"},
    {"large+4096", "interior-free"},
    {"large+1048576", "interior-free"},
    {"freed-small", "double-free"},
    {"freed-medium", "double-free"},
    // The pages of a large block go back at once and are nobody's then.
    {"freed-large", "double-free|wild-free"},
    {"freed-long-ago", "double-free"},
    {"freed-by-another-thread", "double-free"},
};

void ExpectReport(const Variant& variant, const BadFree& bad_free,
                  const std::string& how) {
  const Outcome outcome = RunProgram(variant.With({bad_free.what, how}));
  SCOPED_TRACE(outcome);
  EXPECT_TRUE(outcome.DiedOf(SIGABRT));
  unsigned long long address = 0;
  ASSERT_EQ(std::sscanf(outcome.output.c_str(), "address=%llx", &address), 1);
  EXPECT_EQ(outcome.output.find("survived"), std::string::npos);

  std::smatch match;
  const std::regex report(
      "==([0-9]+)==ERROR: Bulkhead: ([a-z-]+) on address 0x([0-9a-f]+)");
  ASSERT_TRUE(std::regex_search(outcome.errors, match, report,
                                std::regex_constants::match_continuous))
      << "the report must begin on the first line of stderr";
  EXPECT_EQ(match[1], std::to_string(outcome.pid));
  EXPECT_TRUE(std::regex_match(match[2].str(), std::regex(bad_free.kind)))
      << "expected " << bad_free.kind;
  EXPECT_EQ(std::stoull(match[3], nullptr, 16), address);
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
       {BadFree{"stack", "wild-free"}, BadFree{"mapped", "wild-free"},
        BadFree{"small+16", "interior-free"},
        BadFree{"large+4096", "interior-free"},
        BadFree{"freed-small", "double-free"}}) {
    SCOPED_TRACE(bad_free.what);
    ExpectReport(Preloaded(), bad_free, GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryWayToFree,
                         testing::Values("libc-free", "delete", "delete-sized",
                                         "realloc", "realloc-to-zero",
                                         "thread"),
                         [](const testing::TestParamInfo<const char*>& how) {
                           return std::regex_replace(std::string(how.param),
                                                     std::regex("-"), "_");
                         });

}  // namespace
}  // namespace bulkhead
