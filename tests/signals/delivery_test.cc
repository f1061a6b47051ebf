// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Signals without a handler: waited for, read from a descriptor, ignored, sent
// to one thread, inherited by programs.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
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
using bulkhead_test::Watchdog;

TEST(Delivery, Sigwait) {
  const Watchdog watchdog;
  const Blocked blocked(SetOf({SIGUSR1, SIGUSR2}));
  const sigset_t both = SetOf({SIGUSR1, SIGUSR2});
  for (int i = 0; i < 100; ++i) {
    const int sent = i % 2 == 0 ? SIGUSR1 : SIGUSR2;
    ASSERT_EQ(pthread_kill(pthread_self(), sent), 0);
    int received = 0;
    ASSERT_EQ(sigwait(&both, &received), 0);
    ASSERT_EQ(received, sent);
    ASSERT_TRUE(AllocateInManyClasses());
  }
}

TEST(Delivery, SigwaitinfoInAnotherThread) {
  const Watchdog watchdog;
  // Blocked here, and so in the new thread.
  const Blocked blocked(SetOf({SIGRTMIN + 2}));
  std::atomic<int> sum{0};
  std::thread waiter([&sum] {
    const sigset_t wanted = SetOf({SIGRTMIN + 2});
    for (int i = 0; i < 100; ++i) {
      siginfo_t info;
      int received;
      // A handler of another signal's ends the wait.
      do {
        received = sigwaitinfo(&wanted, &info);
      } while (received < 0 && errno == EINTR);
      if (received != SIGRTMIN + 2) abort();
      sum += info.si_value.sival_int;
    }
  });
  for (int i = 0; i < 100; ++i) {
    sigval value = {};
    value.sival_int = i;
    ASSERT_EQ(sigqueue(getpid(), SIGRTMIN + 2, value), 0);
  }
  waiter.join();
  EXPECT_EQ(sum, 4950);
}

TEST(Delivery, Signalfd) {
  const Watchdog watchdog;
  const Blocked blocked(SetOf({SIGUSR1}));
  const sigset_t wanted = SetOf({SIGUSR1});
  const int descriptor = signalfd(-1, &wanted, SFD_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
    signalfd_siginfo info = {};
    ASSERT_EQ(read(descriptor, &info, sizeof(info)),
              static_cast<ssize_t>(sizeof(info)));
    ASSERT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGUSR1));
    ASSERT_EQ(info.ssi_pid, static_cast<uint32_t>(getpid()));
  }
  close(descriptor);
}

// A blocked signal with a handler waits, and the handler runs when it may.
TEST(Delivery, OfWhatWasBlocked) {
  static std::atomic<int> ran{0};
  ran = 0;
  const Action action(SIGUSR1, [](int) { ++ran; });
  {
    const Blocked blocked(SetOf({SIGUSR1}));
    raise(SIGUSR1);
    ASSERT_TRUE(AllocateInManyClasses());
    sigset_t pending;
    ASSERT_EQ(sigpending(&pending), 0);
    EXPECT_EQ(sigismember(&pending, SIGUSR1), 1);
    EXPECT_EQ(ran, 0);
  }
  EXPECT_EQ(ran, 1);
}

TEST(Delivery, SigsuspendRunsTheHandler) {
  static std::atomic<int> ran{0};
  ran = 0;
  const Action action(SIGUSR1, [](int) {
    if (AllocateInManyClasses()) ++ran;
  });
  const Blocked blocked(SetOf({SIGUSR1}));
  const sigset_t open = SetOf({});
  for (int i = 0; i < 100; ++i) {
    raise(SIGUSR1);
    // Other signals end it too.
    while (ran == i) ASSERT_EQ(sigsuspend(&open), -1);
  }
  EXPECT_EQ(ran, 100);
}

TEST(Delivery, PthreadKillReachesThatThread) {
  const Watchdog watchdog;
  static std::atomic<pid_t> handled_by{0};
  const Action action(SIGUSR1, [](int) {
    if (!AllocateInManyClasses()) abort();
    handled_by = gettid();
  });
  constexpr int kThreads = 3;
  std::atomic<pid_t> tids[kThreads] = {};
  std::atomic<bool> stop{false};
  std::thread threads[kThreads];
  for (int i = 0; i < kThreads; ++i) {
    threads[i] = std::thread([&, i] {
      tids[i] = gettid();
      while (!stop) sched_yield();
    });
  }
  for (int n = 0; n < 300; ++n) {
    const int i = n % kThreads;
    ASSERT_TRUE(Await([&] { return tids[i] != 0; }));
    handled_by = 0;
    ASSERT_EQ(pthread_kill(threads[i].native_handle(), SIGUSR1), 0);
    ASSERT_TRUE(Await([] { return handled_by != 0; }));
    ASSERT_EQ(handled_by, tids[i]);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(Delivery, OfAChildsEndWhoseHandlerReapsAndAllocates) {
  const Watchdog watchdog;
  static std::atomic<int> reaped{0};
  reaped = 0;
  const Action action(
      SIGCHLD,
      [](int) {
        while (waitpid(-1, nullptr, WNOHANG) > 0) ++reaped;
        if (!AllocateInManyClasses()) abort();
      },
      SA_RESTART);
  for (int i = 0; i < 20; ++i) {
    {
      // fork() holds the heap's locks; its caller must not be interrupted by
      // what allocates.
      const Blocked blocked(SetOf({SIGCHLD}));
      if (fork() == 0) _exit(0);
    }
    ASSERT_TRUE(Await([i] { return reaped == i + 1; }));
  }
}

// The program started is this one: with the flag it says by its exit status
// what became of the signals before main().
constexpr char kTellFlag[] = "--tell-actions";
constexpr int kIgnored = 1, kDefault = 2, kOther = 4;

int ActionOf(int signal) {
  struct sigaction now;
  if (sigaction(signal, nullptr, &now) != 0) return kOther;
  if ((now.sa_flags & SA_SIGINFO) != 0) return kOther;
  if (now.sa_handler == SIG_IGN) return kIgnored;
  return now.sa_handler == SIG_DFL ? kDefault : kOther;
}

__attribute__((constructor)) void TellActions(int argc, char** argv) {
  if (argc != 2 || strcmp(argv[1], kTellFlag) != 0) return;
  _exit(ActionOf(SIGUSR1) | ActionOf(SIGUSR2) << 3 |
        (IsBlocked(SIGTERM) ? 1 << 6 : 0));
}

TEST(Delivery, ProgramsInheritWhatIsIgnoredAndBlockedOnly) {
  const Watchdog watchdog;
  for (int i = 0; i < 5; ++i) {
    const int status = RunInChild(
        [] {
          signal(SIGUSR1, [](int) { abort(); });
          signal(SIGUSR1, SIG_IGN);
          struct sigaction action = {};
          action.sa_sigaction = [](int, siginfo_t*, void*) { abort(); };
          action.sa_flags = SA_SIGINFO | SA_ONSTACK;
          sigaction(SIGUSR2, &action, nullptr);
          const Blocked blocked(SetOf({SIGTERM}));
          execl("/proc/self/exe", "child", kTellFlag,
                static_cast<char*>(nullptr));
          return EXIT_FAILURE;
        },
        60);
    ASSERT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), kIgnored | kDefault << 3 | 1 << 6);
  }
}

TEST(Delivery, WhatIsIgnoredDoesNotArrive) {
  const Action action(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace bulkhead
