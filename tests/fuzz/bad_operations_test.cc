// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// After any list of operations, what no program may do ends in its report.

#include <stdlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "isolation/thread/thread_record.h"
#include "tests/fuzz/forked_run.h"
#include "tests/fuzz/random_operations.h"
#include "tests/support/scale.h"

extern "C" void free_sized(void* block, size_t size);

namespace bulkhead_fuzz {
namespace {

using bulkhead_test::Scaled;

// Hides from the compiler which pointer it is.
void* Launder(void* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

// A block of the owner's that was allocated just now.
// Runs in: the owner's domain.
void* Fresh(Owner owner, size_t size = 200) {
  void* block = nullptr;
  TheDomains().Prepare(owner);
  TheDomains().Run(ScopeOf(owner), [&] { block = malloc(size); });
  return block;
}

constexpr Owner kOne = 1;
constexpr Owner kOther = 2;

void FreeFromOutside(Executor&) { free(Fresh(kOne)); }

void FreeFromAnother(Executor&) {
  void* const block = Fresh(kOne);
  TheDomains().Prepare(kOther);
  TheDomains().Run(ScopeOf(kOther), [&] { free(block); });
}

void ReallocFromOutside(Executor&) { free(realloc(Fresh(kOne), 500)); }

void SizeFromOutside(Executor&) {
  Family family;
  family.UsableSize(Fresh(kOne));
}

void FreeTwice(Owner owner, size_t size) {
  void* const block = Fresh(owner, size);
  TheDomains().Run(ScopeOf(owner), [&] {
    void* const again = Launder(block);
    free(block);
    free(again);
  });
}
void FreeTwiceInTheRoot(Executor&) { FreeTwice(kRootOwner, 200); }
void FreeTwiceInOne(Executor&) { FreeTwice(kOne, 200); }
void FreeALargeOneTwice(Executor&) { FreeTwice(kOther, size_t{1} << 21); }

// The second free of a thread that does not know of the first is found when
// both have given back what they hold.
void FreeTwiceInTwoThreads(Executor& executor) {
  void* const block = Fresh(kRootOwner);
  for (const unsigned thread : {0u, 1u}) {
    executor.workers().Run(thread, [&](unsigned) { free(block); });
  }
  for (const unsigned thread : {0u, 1u}) {
    executor.workers().Run(thread, [](unsigned) { Family().Trim(); });
  }
}

void FreeInside(Executor&) { free(static_cast<char*>(Fresh(kRootOwner)) + 32); }

void FreeUnaligned(Executor&) {
  free(static_cast<char*>(Fresh(kRootOwner)) + 4);
}

void FreeInsideALargeOne(Executor&) {
  free(static_cast<char*>(Fresh(kRootOwner, size_t{1} << 20)) + 8192);
}

void FreeOfNoHeap(Executor& executor) {
  free(reinterpret_cast<char*>(&executor) + 64);
}

void* OwnCache() {
  free(Fresh(kRootOwner));
  return reinterpret_cast<void*>(bulkhead::CurrentRecord()->caches[0]);
}
void FreeOfACache(Executor&) { free(OwnCache()); }
void FreeInsideACache(Executor&) {
  free(static_cast<char*>(OwnCache()) + 8192);
}

void FreeOfACompartmentThatIsGone(Executor& executor) {
  void* const block = Fresh(kOne);
  Operation destroy;
  destroy.kind = Kind::kDestroy;
  executor.Play({destroy});
  free(block);
}

void FreeOfAnotherSize(Executor&) { free_sized(Fresh(kRootOwner), 400); }

struct BadOperation {
  const char* name;
  void (*perform)(Executor&);
  // Of the reports, any.
  std::vector<std::string> reports;
};

const BadOperation kBadOperations[] = {
    {"FreeFromOutside", FreeFromOutside, {"foreign-free"}},
    {"FreeFromAnother", FreeFromAnother, {"foreign-free"}},
    {"ReallocFromOutside", ReallocFromOutside, {"foreign-free"}},
    {"SizeFromOutside", SizeFromOutside, {"foreign-free"}},
    {"FreeTwiceInTheRoot", FreeTwiceInTheRoot, {"double-free"}},
    // Without caches its pages may be nobody's by then.
    {"FreeTwiceInOne", FreeTwiceInOne, {"double-free", "wild-free"}},
    {"FreeALargeOneTwice", FreeALargeOneTwice, {"double-free", "wild-free"}},
    {"FreeTwiceInTwoThreads",
     FreeTwiceInTwoThreads,
     {"double-free", "corrupt-cache"}},
    {"FreeInside", FreeInside, {"interior-free"}},
    {"FreeUnaligned", FreeUnaligned, {"interior-free"}},
    {"FreeInsideALargeOne", FreeInsideALargeOne, {"interior-free"}},
    {"FreeOfNoHeap", FreeOfNoHeap, {"wild-free"}},
    {"FreeOfACache", FreeOfACache, {"wild-free"}},
    {"FreeInsideACache", FreeInsideACache, {"wild-free"}},
    {"FreeOfACompartmentThatIsGone",
     FreeOfACompartmentThatIsGone,
     {"wild-free"}},
    {"FreeOfAnotherSize", FreeOfAnotherSize, {"wrong-size-free"}},
};

class BadOperationsTest : public testing::TestWithParam<BadOperation> {};

TEST_P(BadOperationsTest, EndInTheirReport) {
  const BadOperation& bad = GetParam();
  Family family;
  const int lists = Scaled(10, 1);
  for (int i = 0; i < lists; ++i) {
    Random random(3000 + static_cast<uint64_t>(i));
    const OperationList list =
        RandomList(random, Cast::kHonest, random.Below(40));
    const Outcome outcome = RunInFork(list, family, bad.perform);
    const std::string report = ReportIn(outcome.messages);
    EXPECT_TRUE(outcome.died);
    EXPECT_NE(std::find(bad.reports.begin(), bad.reports.end(), report),
              bad.reports.end())
        << "report: " << report << ", " << outcome.trouble << "\n"
        << outcome.messages << Print(list);
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadOperationsTest,
                         testing::ValuesIn(kBadOperations),
                         [](const auto& bad) { return bad.param.name; });

}  // namespace
}  // namespace bulkhead_fuzz
