// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a forked child's threads inherit of threads that are not there any more.

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr int kThreads = 4;

// The kernel is busy with the heap's pages while the process forks: what a
// thread was at in that moment must not go on in the child's threads, which
// take over what the library kept of it.
TEST(ForkedChild, ThreadsDoNotInheritHalfDoneWork) {
  const Watchdog watchdog;
  const BusyThreads busy(kThreads, [] {
    free(Hide(calloc(1, 3 * kMiB)));
    malloc_trim(0);
  });
  for (int number = 0; number < Scaled(60, 20); ++number) {
    const int status = RunInChild(
        [] {
          std::atomic<int> arrived{0}, failed{0};
          RunThreads(2 * kThreads, [&](int) {
            ++arrived;
            // All at once, so that every record is taken.
            while (arrived < 2 * kThreads) sched_yield();
            if (!AllocateInManyClasses()) ++failed;
          });
          return failed.load();
        },
        60);
    ASSERT_EQ(status, kExitedWell) << "fork number " << number;
  }
}

}  // namespace
}  // namespace bulkhead
