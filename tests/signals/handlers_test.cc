// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// How handlers run: what they are told, what is blocked meanwhile, where their
// stack is, and what they leave.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

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
using bulkhead_test::Watchdog;

std::atomic<int> ran{0};
void Count(int) { ++ran; }

TEST(Handler, IsToldWhoSentWhat) {
  static int signal_seen, code_seen, value_seen;
  static pid_t sender_seen;
  const Action action(SIGRTMIN + 1, [](int signal, siginfo_t* info, void*) {
    signal_seen = signal;
    code_seen = info->si_code;
    value_seen = info->si_value.sival_int;
    sender_seen = info->si_pid;
  });
  sigval value = {};
  value.sival_int = 4711;
  ASSERT_EQ(sigqueue(getpid(), SIGRTMIN + 1, value), 0);
  ASSERT_TRUE(Await([] { return signal_seen != 0; }));
  EXPECT_EQ(signal_seen, SIGRTMIN + 1);
  EXPECT_EQ(code_seen, SI_QUEUE);
  EXPECT_EQ(value_seen, 4711);
  EXPECT_EQ(sender_seen, getpid());
}

TEST(Handler, HasItsSignalAndItsMaskBlocked) {
  static bool own, masked, other;
  const Action action(
      SIGUSR1,
      [](int) {
        own = IsBlocked(SIGUSR1);
        masked = IsBlocked(SIGUSR2);
        other = IsBlocked(SIGTERM);
      },
      0, SetOf({SIGUSR2}));
  raise(SIGUSR1);
  EXPECT_TRUE(own);
  EXPECT_TRUE(masked);
  EXPECT_FALSE(other);
  for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM}) {
    EXPECT_FALSE(IsBlocked(signal)) << "after the handler";
  }
}

TEST(Handler, WaitsForOneThatBlocksIt) {
  static int during;
  ran = 0;
  const Action second(SIGUSR2, Count);
  const Action first(
      SIGUSR1,
      [](int) {
        raise(SIGUSR2);
        during = ran;
      },
      0, SetOf({SIGUSR2}));
  raise(SIGUSR1);
  EXPECT_EQ(during, 0);
  EXPECT_EQ(ran, 1);
}

TEST(Handler, NestsInItselfWithNodefer) {
  static int depth, deepest;
  depth = deepest = 0;
  const Action action(
      SIGUSR1,
      [](int) {
        if (++depth > deepest) deepest = depth;
        if (!AllocateInManyClasses()) abort();
        if (depth < 10) raise(SIGUSR1);
        --depth;
      },
      SA_NODEFER);
  raise(SIGUSR1);
  EXPECT_EQ(deepest, 10);
  EXPECT_EQ(depth, 0);
}

TEST(Handler, NestsInAnother) {
  static std::atomic<bool> well{false};
  const Action inner(SIGUSR2, [](int) { well = AllocateInManyClasses(); });
  const Action outer(SIGUSR1, [](int) {
    void* const block = malloc(3000);
    Fill(block, 3000, 1);
    raise(SIGUSR2);
    if (!IsFilled(block, 3000, 1)) well = false;
    free(block);
  });
  for (int i = 0; i < 100; ++i) {
    well = false;
    raise(SIGUSR1);
    ASSERT_TRUE(well);
  }
}

TEST(Handler, RunsOnceWithResethand) {
  ran = 0;
  const Action action(SIGUSR1, Count, static_cast<int>(SA_RESETHAND));
  raise(SIGUSR1);
  struct sigaction now;
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
  EXPECT_EQ(ran, 1);
}

TEST(Handler, RunsOnTheAlternateStackItAsksFor) {
  static const void* local_seen;
  static int flags_seen;
  const AlternateStack stack;
  const Action action(
      SIGUSR1,
      [](int) {
        char local = 0;
        local_seen = Hide(&local);
        stack_t now = {};
        sigaltstack(nullptr, &now);
        flags_seen = now.ss_flags;
        if (!AllocateInManyClasses()) abort();
      },
      SA_ONSTACK);
  for (int i = 0; i < 100; ++i) {
    local_seen = nullptr;
    raise(SIGUSR1);
    ASSERT_TRUE(stack.Holds(local_seen));
    ASSERT_NE(flags_seen & SS_ONSTACK, 0);
  }
}

TEST(Handler, ChangesAndKeepsErrnoAsItLikes) {
  const Action action(SIGUSR1, [](int) {
    const int saved = errno;
    free(malloc(100));
    errno = saved;
  });
  errno = ERANGE;
  raise(SIGUSR1);
  EXPECT_EQ(errno, ERANGE);
}

TEST(Handler, IsReplacedByTheHandlerItself) {
  ran = 0;
  const Action action(SIGUSR1, [](int) { signal(SIGUSR1, Count); });
  raise(SIGUSR1);
  EXPECT_EQ(ran, 0);
  raise(SIGUSR1);
  EXPECT_EQ(ran, 1);
}

TEST(Handler, AnswersAFaultByMendingThePage) {
  static char* page;
  static const void* address_seen;
  page = static_cast<char*>(
      mmap(nullptr, kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(page, MAP_FAILED);
  const Action action(SIGSEGV, [](int, siginfo_t* info, void*) {
    address_seen = info->si_addr;
    if (mprotect(page, kPageSize, PROT_READ | PROT_WRITE) != 0) abort();
  });
  *const_cast<volatile char*>(page + 100) = 5;
  EXPECT_EQ(address_seen, page + 100);
  EXPECT_EQ(page[100], 5);
  munmap(page, kPageSize);
}

// What runtimes do that step over an instruction: read and edit the context.
TEST(Handler, ReadsAndEditsTheInterruptedRegisters) {
  static greg_t rbx_seen;
  const Action action(SIGILL, [](int, siginfo_t*, void* raw_context) {
    auto* const context = static_cast<ucontext_t*>(raw_context);
    greg_t* const registers = context->uc_mcontext.gregs;
    rbx_seen = registers[REG_RBX];
    registers[REG_RAX] = 1234;
    registers[REG_RIP] += 2;
  });
  long result = 1;
  __asm__ volatile("ud2" : "+a"(result) : "b"(5678L) : "memory");
  EXPECT_EQ(rbx_seen, 5678);
  EXPECT_EQ(result, 1234);
}

bool was_on_the_way = false;

__attribute__((noinline)) void BeInterrupted() {
  raise(SIGUSR1);
  __asm__ volatile("" : : : "memory");  // no tail call
}

// Profilers, debuggers and pthread_exit() walk from a handler to what it
// interrupted.
TEST(Handler, IsWalkedOutOf) {
  const Action action(SIGUSR1, [](int) {
    _Unwind_Backtrace(
        [](_Unwind_Context* context, void*) {
          void* const place = reinterpret_cast<void*>(_Unwind_GetIP(context));
          was_on_the_way |= _Unwind_FindEnclosingFunction(place) ==
                            reinterpret_cast<void*>(&BeInterrupted);
          return _URC_NO_REASON;
        },
        nullptr);
  });
  BeInterrupted();
  EXPECT_TRUE(was_on_the_way);
}

// An edit of the mask in the context is in force after the handler.
TEST(Handler, EditsTheMaskItReturnsTo) {
  const Action action(SIGUSR1, [](int, siginfo_t*, void* raw_context) {
    sigaddset(&static_cast<ucontext_t*>(raw_context)->uc_sigmask, SIGUSR2);
  });
  raise(SIGUSR1);
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  const sigset_t second = SetOf({SIGUSR2});
  pthread_sigmask(SIG_UNBLOCK, &second, nullptr);
}

// A computation is interrupted again and again; its registers, floating point
// included, are as they were.
TEST(Handler, LeavesTheInterruptedComputationAlone) {
  const Watchdog watchdog;
  const auto compute = [] {
    double sum = 0;
    uint64_t state = 1;
    for (int i = 0; i < 100000; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      sum += static_cast<double>(state >> 40) / 3;
    }
    return sum;
  };
  const double expected = compute();
  ran = 0;
  const Action action(SIGUSR1, [](int) {
    volatile double noise = 1;
    for (int i = 0; i < 100; ++i) noise = noise / 1.5 + ran;
    if (!AllocateInManyClasses()) abort();
    ++ran;
  });
  const ThreadTimer timer(SIGUSR1);
  timer.Every(1000000);
  while (ran < 100) ASSERT_EQ(compute(), expected);
}

// One thread is in a system call; with SA_RESTART it stays there, without it
// learns of the signal.
void InterruptARead(int flags, ssize_t expected_result, int expected_error) {
  const Watchdog watchdog;
  ran = 0;
  const Action action(SIGUSR1, Count, flags);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<pid_t> tid{0};
  ssize_t result = 0;
  int error = 0;
  std::thread reader([&] {
    char byte;
    tid = gettid();
    result = read(ends[0], &byte, 1);
    error = errno;
  });
  AwaitSleep(tid);
  ASSERT_EQ(pthread_kill(reader.native_handle(), SIGUSR1), 0);
  ASSERT_TRUE(Await([] { return ran == 1; }));
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  reader.join();
  EXPECT_EQ(result, expected_result);
  EXPECT_EQ(result < 0 ? error : 0, expected_error);
  close(ends[0]);
  close(ends[1]);
}

TEST(SystemCall, GoesOnWithRestart) { InterruptARead(SA_RESTART, 1, 0); }
TEST(SystemCall, EndsWithoutRestart) { InterruptARead(0, -1, EINTR); }

// Handlers take over blocks from the code they interrupt, and the other way.
TEST(AllocatingHandler, ByRaise) {
  static void* handed;
  const Action action(SIGUSR1, [](int) {
    if (!IsFilled(handed, 500, 1)) abort();
    free(handed);
    handed = malloc(900);
    Fill(handed, 900, 2);
    if (!AllocateInManyClasses()) abort();
  });
  for (int i = 0; i < 1000; ++i) {
    handed = malloc(500);
    Fill(handed, 500, 1);
    raise(SIGUSR1);
    ASSERT_TRUE(IsFilled(handed, 900, 2));
    free(handed);
  }
}

// Interrupts loops that compute, in several threads at once, each by its own
// timer, on its own alternate stack or not.
TEST(AllocatingHandler, ByTimersInSeveralThreads) {
  const Watchdog watchdog;
  static thread_local int own_ran = 0;
  for (const int flags : {SA_RESTART, SA_RESTART | SA_ONSTACK}) {
    const Action action(
        SIGUSR1,
        [](int) {
          if (!AllocateInManyClasses()) abort();
          ++own_ran;
        },
        flags);
    RunThreads(3, [](int) {
      const AlternateStack stack;
      const ThreadTimer timer(SIGUSR1);
      timer.Every(1000000);
      for (volatile int& seen = own_ran; seen < 100;) Hide(&seen);
    });
  }
}

// The program allocates in sections that the signal cannot interrupt.
TEST(AllocatingHandler, BetweenMaskedSections) {
  const Watchdog watchdog;
  ran = 0;
  const Action action(SIGUSR1, [](int) {
    if (!AllocateInManyClasses()) abort();
    ++ran;
  });
  const ThreadTimer timer(SIGUSR1);
  timer.Every(500000);
  while (ran < 200) {
    const Blocked blocked(SetOf({SIGUSR1}));
    ASSERT_TRUE(AllocateInManyClasses());
  }
}

}  // namespace
}  // namespace bulkhead
