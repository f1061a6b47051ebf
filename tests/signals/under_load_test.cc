// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Signals that come at any moment of what the library does itself: none is
// lost, none ends the process, and none spoils what it interrupts. The handlers
// here do not allocate where the interrupted code may be in malloc.

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/signals/signals.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Await;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

std::atomic<int> ran{0};
void Count(int) { ++ran; }

// A handler is interrupted by others on the same alternate stack while it
// allocates: its frames are as it left them.
TEST(UnderLoad, AHandlerOnAnAlternateStackIsInterruptedByOthers) {
  const Watchdog watchdog;
  static std::atomic<int> spoilt;
  static thread_local int thread_ran;
  spoilt = 0;
  const Action inner(
      SIGUSR2, [](int) { ++thread_ran; }, SA_ONSTACK | SA_RESTART);
  const Action outer(
      SIGUSR1,
      [](int) {
        unsigned char local[512];
        Fill(local, sizeof(local), 5);
        if (!AllocateInManyClasses()) ++spoilt;
        free(Hide(malloc(3 * kMiB)));
        if (!IsFilled(Hide(&local[0]), sizeof(local), 5)) ++spoilt;
      },
      SA_ONSTACK);
  RunThreads(3, [](int) {
    const AlternateStack stack;
    const ThreadTimer timer(SIGUSR2);
    timer.Every(50000);
    const int least = Scaled(1000, 100);
    while (thread_ran < least) raise(SIGUSR1);
  });
  EXPECT_EQ(spoilt, 0);
}

// The kernel forgets such a handler as it starts it: that must not happen to
// one that is put off.
TEST(UnderLoad, AHandlerThatRunsOnceComesWhileTheThreadAllocates) {
  const Watchdog watchdog;
  const Action restores_the_first(SIGUSR1, SIG_DFL);
  const ThreadTimer timer(SIGUSR1);
  for (int i = 0; i < Scaled(3000); ++i) {
    ran = 0;
    const Action once(SIGUSR1, Count, static_cast<int>(SA_RESETHAND));
    timer.Once(1000 + i * 7919 % 50000);
    while (ran == 0) free(Hide(malloc(static_cast<size_t>(i % 64) * 1024 + 1)));
    struct sigaction now;
    ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
    ASSERT_EQ(now.sa_handler, SIG_DFL);
  }
}

// Real-time signals queue up: as many are handled as were sent.
TEST(UnderLoad, EverySignalIsHandled) {
  const Watchdog watchdog;
  static std::atomic<int> handled[2];
  handled[0] = handled[1] = 0;
  const Action first(SIGRTMIN + 3, [](int) { ++handled[0]; });
  const Action second(SIGRTMIN + 4, [](int) { ++handled[1]; });
  const int each = Scaled(5000);
  std::atomic<bool> stop{false};
  std::thread allocator([&stop] {
    // Long in the kernel, so that both wait for its end.
    while (!stop) {
      void* const block = malloc(3 * kMiB);
      memset(block, 1, 3 * kMiB);
      free(block);
      malloc_trim(0);
    }
  });
  const pthread_t target = allocator.native_handle();
  for (int i = 0; i < each; ++i) {
    for (const int signal : {SIGRTMIN + 3, SIGRTMIN + 4}) {
      while (pthread_kill(target, signal) != 0) sched_yield();
    }
    // What the kernel queues is bounded.
    while (i - handled[0] > 3) sched_yield();
  }
  EXPECT_TRUE(Await([each] { return handled[0] + handled[1] == 2 * each; }))
      << handled[0] << " and " << handled[1] << " of " << each;
  stop = true;
  allocator.join();
}

}  // namespace
}  // namespace bulkhead
