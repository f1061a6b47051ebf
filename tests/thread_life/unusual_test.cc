// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that begin in another way than by pthread_create(), and those whose
// first act is a signal handler's.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/raw_thread.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Await;
using bulkhead_test::BusyThreads;
using bulkhead_test::RawThread;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

std::atomic<int> well{0};

void Allocate() {
  if (AllocateInManyClasses()) ++well;
}

TEST(RawThread, AllocatesAndFrees) {
  const Watchdog watchdog;
  well = 0;
  const int threads = Scaled(500, 20);
  for (int i = 0; i < threads; ++i) const RawThread thread(Allocate);
  EXPECT_EQ(well, threads);
}

TEST(RawThread, ManyAtOnceBesideOthers) {
  const Watchdog watchdog;
  const BusyThreads busy(2, [] { std::thread(AllocateInManyClasses).join(); });
  constexpr int kAtOnce = 20;
  for (int round = 0; round < Scaled(20); ++round) {
    well = 0;
    std::vector<std::unique_ptr<RawThread>> threads;
    for (int i = 0; i < kAtOnce; ++i) {
      threads.push_back(std::make_unique<RawThread>([] {
        for (int n = 0; n < 10; ++n) Allocate();
      }));
    }
    threads.clear();
    EXPECT_EQ(well, 10 * kAtOnce);
  }
}

TEST(RawThread, FreesAndGrowsBlocksOfOthers) {
  const Watchdog watchdog;
  std::vector<void*> blocks(1000);
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = malloc(i * 10);
    Fill(blocks[i], i * 10, 1);
  }
  well = 0;
  std::vector<void*> left(blocks.size());
  {
    const RawThread thread([&] {
      for (size_t i = 0; i < blocks.size(); ++i) {
        void* const grown = realloc(blocks[i], i * 20 + 1);
        if (IsFilled(grown, i * 10, 1)) ++well;
        left[i] = grown;
      }
    });
  }
  EXPECT_EQ(well, 1000);
  for (void* const block : left) free(block);
}

TEST(RawThread, ForksAChildThatAllocates) {
  const Watchdog watchdog;
  std::atomic<int> failed{-1};
  {
    // The process is forked while the raw thread allocates; the child has one
    // thread, and the heap as it was.
    std::atomic<bool> stop{false};
    const RawThread thread([&stop] {
      while (!stop) AllocateInManyClasses();
    });
    failed = 0;
    for (int i = 0; i < Scaled(40); ++i) {
      failed += RunInChild([] { return AllocateInManyClasses() ? 0 : 1; }, 60);
    }
    stop = true;
  }
  EXPECT_EQ(failed, 0);
}

TEST(UnusualThread, OfAnExpiredTimer) {
  const Watchdog watchdog;
  // Its own: a thread of the timer's may outlive the case.
  static std::atomic<int> served{0};
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = [](sigval) {
    if (AllocateInManyClasses()) ++served;
  };
  timer_t timer;
  ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  itimerspec often = {};
  often.it_value.tv_nsec = often.it_interval.tv_nsec = 1000000;
  ASSERT_EQ(timer_settime(timer, 0, &often, nullptr), 0);
  EXPECT_TRUE(Await([] { return served >= 20; }));
  EXPECT_EQ(timer_delete(timer), 0);
}

TEST(UnusualThread, OfTheCLibrary) {
  well = 0;
  for (int i = 0; i < 20; ++i) {
    thrd_t thread;
    ASSERT_EQ(thrd_create(
                  &thread,
                  [](void*) {
                    Allocate();
                    return 5;
                  },
                  nullptr),
              thrd_success);
    int result = 0;
    ASSERT_EQ(thrd_join(thread, &result), thrd_success);
    ASSERT_EQ(result, 5);
  }
  EXPECT_EQ(well, 20);
}

// Installs a handler of SIGUSR1 that allocates, and blocks the signal in the
// calling thread.
class AllocatingHandler {
 public:
  AllocatingHandler() {
    well = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { Allocate(); };
    EXPECT_EQ(sigaction(SIGUSR1, &action, &old_action_), 0);
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGUSR1);
    EXPECT_EQ(pthread_sigmask(SIG_BLOCK, &signals_, &old_mask_), 0);
  }
  ~AllocatingHandler() {
    EXPECT_EQ(pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr), 0);
    EXPECT_EQ(sigaction(SIGUSR1, &old_action_, nullptr), 0);
  }
  const sigset_t* signals() const { return &signals_; }
  const sigset_t* old_mask() const { return &old_mask_; }

 private:
  struct sigaction old_action_;
  sigset_t signals_;
  sigset_t old_mask_;
};

// The signal waits for the process until a thread appears that lets it in,
// which libc does before it calls the thread's function.
TEST(FirstActOfAThread, ASignalHandlerBeforeItsFunction) {
  const Watchdog watchdog;
  const AllocatingHandler handler;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setsigmask_np(&attributes, handler.old_mask()), 0);
  const int threads = Scaled(300, 20);
  for (int i = 0; i < threads; ++i) {
    ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
    pthread_t thread;
    static int seen_by_function;
    ASSERT_EQ(pthread_create(
                  &thread, &attributes,
                  [](void*) -> void* {
                    seen_by_function = well;
                    return nullptr;
                  },
                  nullptr),
              0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
    ASSERT_EQ(seen_by_function, i + 1);
  }
  pthread_attr_destroy(&attributes);
}

TEST(FirstActOfAThread, ASignalHandlerInARawThread) {
  const Watchdog watchdog;
  const AllocatingHandler handler;
  const int threads = Scaled(200, 20);
  for (int i = 0; i < threads; ++i) {
    ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
    const RawThread thread([&handler] {
      pthread_sigmask(SIG_UNBLOCK, handler.signals(), nullptr);
    });
  }
  EXPECT_EQ(well, threads);
}

}  // namespace
}  // namespace bulkhead
