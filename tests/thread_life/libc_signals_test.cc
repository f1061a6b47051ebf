// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The signals that libc sends to threads by itself, at any moment of what they
// do: to cancel them where they wait, and to have all of them change their
// user.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Await;
using bulkhead_test::BusyThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

void Allocate() {
  if (!AllocateInManyClasses()) abort();
  // The long way each time.
  free(Hide(malloc(3 * kMiB)));
}

// They yield, since each has to run before the first thread goes on.
TEST(ChangeOfUser, WhileThreadsAllocateAndComeAndGo) {
  const Watchdog watchdog;
  const BusyThreads busy(1, [] {
    Allocate();
    sched_yield();
  });
  const BusyThreads creator(1, [] { std::thread(Allocate).join(); });
  for (int i = 0; i < Scaled(1000); ++i) {
    ASSERT_EQ(setuid(getuid()), 0) << strerror(errno);
  }
}

struct Waiter {
  int descriptor;
  std::atomic<int> rounds{0};
};

void* AllocateAndWait(void* raw_waiter) {
  auto& waiter = *static_cast<Waiter*>(raw_waiter);
  for (char byte;;) {
    Allocate();
    if (read(waiter.descriptor, &byte, 1) == 1) ++waiter.rounds;
  }
}

// Each is cancelled as it waits, or shortly before or after.
TEST(Cancellation, OfThreadsThatAllocateAndWait) {
  const Watchdog watchdog;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  for (int i = 0; i < Scaled(500); ++i) {
    Waiter waiter{ends[0]};
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, AllocateAndWait, &waiter), 0);
    for (int bytes = 0; bytes < i % 4; ++bytes) {
      ASSERT_EQ(write(ends[1], "x", 1), 1);
    }
    if (i % 2 == 0) {
      ASSERT_TRUE(Await([&] { return waiter.rounds == i % 4; }));
    }
    ASSERT_EQ(pthread_cancel(thread), 0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    ASSERT_EQ(result, PTHREAD_CANCELED);
    // What it has not read; one byte may have gone with it.
    pollfd rest = {ends[0], POLLIN, 0};
    for (char byte; poll(&rest, 1, 0) == 1;) {
      ASSERT_EQ(read(ends[0], &byte, 1), 1);
    }
  }
  close(ends[0]);
  close(ends[1]);
}

// In 1000 threads that want to be cancelled anywhere, between sections in which
// they do not: only there malloc may be called.
TEST(Cancellation, OfThreadsThatAreCancelledAnywhere) {
  const Watchdog watchdog;
  for (int i = 0; i < Scaled(1000); ++i) {
    std::atomic<int> rounds{0};
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, nullptr,
                  [](void* raw_rounds) -> void* {
                    volatile unsigned work = 1;
                    for (;;) {
                      pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS,
                                            nullptr);
                      for (int n = 0; n < 1000; ++n) work = work * 3 + 1;
                      pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, nullptr);
                      Allocate();
                      ++*static_cast<std::atomic<int>*>(raw_rounds);
                    }
                  },
                  &rounds),
              0);
    ASSERT_TRUE(Await([&] { return rounds >= i % 3; }));
    ASSERT_EQ(pthread_cancel(thread), 0);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    ASSERT_EQ(result, PTHREAD_CANCELED);
  }
}

}  // namespace
}  // namespace bulkhead
