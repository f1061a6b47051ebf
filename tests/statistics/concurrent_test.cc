// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Snapshots while everything that they describe changes: no deadlock, no crash,
// and every text is whole, with sums that agree (Snapshot checks that).

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <atomic>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/statistics/snapshot.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::BusyThreads;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;
using bulkhead_test::Scaled;
using bulkhead_test::Snapshot;
using bulkhead_test::Watchdog;

bool AllocateInside() { return AllocateInManyClasses(); }
BULKHEAD_ENTRY(kAllocateInOne, "one", AllocateInside);
BULKHEAD_ENTRY(kAllocateInPassing, "passing", AllocateInside);

TEST(ConcurrentTest, WhileThreadsAllocate) {
  const Watchdog watchdog;
  auto one = Compartment::Create("one");
  ASSERT_TRUE(one.ok()) << one.status();
  {
    const BusyThreads outside(2, AllocateInManyClasses);
    const BusyThreads inside(
        2, [&one] { one->Call(kAllocateInOne).IgnoreError(); });
    for (int i = 0; i < Scaled(200, 10); ++i) {
      const Snapshot snapshot;
      EXPECT_GT(snapshot.Heap("one", "monitor_entries"), 0u);
    }
  }
  const Snapshot last;
  EXPECT_EQ(last.Heap("one", "live"), 0u);
  EXPECT_EQ(one->Destroy(), absl::OkStatus());
}

TEST(ConcurrentTest, WhileThreadsComeAndGo) {
  const Watchdog watchdog;
  const BusyThreads parents(2,
                            [] { std::thread(AllocateInManyClasses).join(); });
  for (int i = 0; i < Scaled(200, 10); ++i) {
    const Snapshot snapshot;
    EXPECT_GE(snapshot.Heap("root", "caches"), 1u);
  }
}

TEST(ConcurrentTest, WhileCompartmentsComeAndGo) {
  const Watchdog watchdog;
  std::atomic<int> made{0};
  const BusyThreads makers(1, [&made] {
    auto passing = Compartment::Create("passing");
    if (!passing.ok() || !passing->Call(kAllocateInPassing).value_or(false) ||
        !passing->Destroy().ok()) {
      abort();
    }
    ++made;
  });
  int seen = 0;
  while (made < Scaled(200, 10)) {
    const Snapshot snapshot;
    if (snapshot.HasHeap("passing")) ++seen;
  }
  EXPECT_GT(seen, 0);
}

TEST(ConcurrentTest, InChildrenForkedMeanwhile) {
  const Watchdog watchdog;
  const BusyThreads busy(2, AllocateInManyClasses);
  const BusyThreads asking(1, [] { const Snapshot snapshot; });
  for (int i = 0; i < Scaled(40, 4); ++i) {
    const ChildResult child = RunInChild([] {
      const Snapshot snapshot;
      if (testing::Test::HasFailure()) _exit(1);
    });
    EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  }
}

TEST(ConcurrentTest, GlibcsForms) {
  const Watchdog watchdog;
  const BusyThreads busy(2, AllocateInManyClasses);
  FILE* const nowhere = fopen("/dev/null", "w");
  ASSERT_NE(nowhere, nullptr);
  for (int i = 0; i < Scaled(200, 10); ++i) {
    const struct mallinfo2 info = mallinfo2();
    EXPECT_EQ(info.uordblks + info.fordblks, info.arena);
    EXPECT_EQ(malloc_info(0, nowhere), 0);
  }
  fclose(nowhere);
}

}  // namespace
