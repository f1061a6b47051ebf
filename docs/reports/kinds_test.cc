// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Each kind of report has a page; the cause that it shows makes that report,
// and the cure makes none. Each runs in this program, started anew.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "bulkhead/bulkhead.h"
#include "docs/reports/example.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"
#include "tests/support/child.h"

namespace bulkhead_docs {
namespace {

const Example* first = nullptr;

}  // namespace

Example::Example(const char* kind, void (*cause)(), void (*cure)())
    : kind_(kind), cause_(cause), cure_(cure), next_(first) {
  first = this;
}

const Example* Example::Find(const char* kind) {
  const Example* found = first;
  while (found != nullptr && std::strcmp(found->kind_, kind) != 0) {
    found = found->next_;
  }
  return found;
}

namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::MayHaveSandboxes;
using bulkhead_test::RunInChild;

constexpr const char* kKinds[] = {
#define BH_KIND(enumerator, name, text) name,
#include "isolation/violation/kinds.inc"
#undef BH_KIND
};

constexpr char kCause[] = "--cause";
constexpr char kCure[] = "--cure";

// The page says of some kinds what they need.
bool IsPossibleHere(const std::string& kind) {
  for (const char* const of_sandboxes :
       {"root-read", "root-write", "bad-jump", "refused-call"}) {
    if (kind == of_sandboxes) return MayHaveSandboxes();
  }
  return kind != "metadata-write" || bh_get_level() == BH_LEVEL_PKU;
}

class KindTest : public testing::TestWithParam<const char*> {
 protected:
  static ChildResult Run(const char* which) {
    return RunInChild([which] {
      setenv("BULKHEAD_OPTIONS", "mappings=report", 1);
      execl("/proc/self/exe", "kinds_test", which, GetParam(), nullptr);
      _exit(EXIT_FAILURE);
    });
  }
};

TEST_P(KindTest, HasAPageInTheList) {
  EXPECT_NE(Example::Find(GetParam()), nullptr);
  std::ostringstream list;
  list << std::ifstream("docs/reports/README.md").rdbuf();
  EXPECT_TRUE(absl::StrContains(
      list.str(), absl::StrCat("| [", GetParam(), "](", GetParam(), ".md) |")));
}

TEST_P(KindTest, ComesOfItsCause) {
  if (!IsPossibleHere(GetParam())) return;
  const ChildResult child = Run(kCause);
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_TRUE(absl::StartsWith(
      child.errors, absl::StrFormat("==%d==ERROR: Bulkhead: %s on address 0x",
                                    child.pid, GetParam())))
      << child.errors;
  EXPECT_TRUE(absl::StrContains(
      child.errors, absl::StrCat("\nSUMMARY: Bulkhead: ", GetParam())))
      << child.errors;
}

TEST_P(KindTest, DoesNotComeOfItsCure) {
  if (!IsPossibleHere(GetParam())) return;
  const ChildResult child = Run(kCure);
  EXPECT_TRUE(child.ExitedWith(0)) << child.code;
  EXPECT_EQ(child.errors, "");
}

INSTANTIATE_TEST_SUITE_P(All, KindTest, testing::ValuesIn(kKinds),
                         [](const auto& kind) {
                           return absl::StrReplaceAll(kind.param, {{"-", "_"}});
                         });

int RunExample(const char* which, const char* kind) {
  const Example* const example = Example::Find(kind);
  if (example == nullptr) return EXIT_FAILURE;
  if (std::strcmp(which, kCause) == 0) example->Cause();
  if (std::strcmp(which, kCure) == 0) example->Cure();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bulkhead_docs

int main(int argc, char** argv) {
  if (argc == 3) return bulkhead_docs::RunExample(argv[1], argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
