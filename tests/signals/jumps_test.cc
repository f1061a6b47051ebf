// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// siglongjmp() out of handlers, ten thousand times: nothing that the library
// keeps about handlers may pile up, or be left half done.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include <atomic>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/signals/signals.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr long kSoon = 30000;  // nanoseconds

thread_local sigjmp_buf target;

void JumpOut(int) { siglongjmp(target, 1); }

void AllocateAndJumpOut(int) {
  if (!AllocateInManyClasses()) abort();
  siglongjmp(target, 1);
}

int Jumps() { return Scaled(10000); }

TEST(JumpOutOfAHandler, AfterRaise) {
  const Watchdog watchdog;
  const Action action(SIGUSR1, AllocateAndJumpOut);
  volatile size_t before = 0;
  volatile int left = Jumps();
  while (left > 0) {
    if (left == Jumps() * 9 / 10) before = ResidentBytes();
    --left;
    if (sigsetjmp(target, 1) == 0) {
      raise(SIGUSR1);
      FAIL() << "the handler returned";
    }
    ASSERT_FALSE(IsBlocked(SIGUSR1));
  }
  EXPECT_TRUE(AllocateInManyClasses());
  EXPECT_LT(ResidentBytes(), before + kMiB);
}

TEST(JumpOutOfAHandler, OnAnAlternateStack) {
  const Watchdog watchdog;
  const AlternateStack stack;
  const Action action(SIGUSR1, AllocateAndJumpOut, SA_ONSTACK);
  for (volatile int left = Jumps(); left > 0;) {
    --left;
    if (sigsetjmp(target, 1) == 0) {
      raise(SIGUSR1);
      FAIL() << "the handler returned";
    }
  }
  stack_t now = {};
  ASSERT_EQ(sigaltstack(nullptr, &now), 0);
  EXPECT_EQ(now.ss_flags & SS_ONSTACK, 0);
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(JumpOutOfAHandler, PastOneThatItInterrupted) {
  const Watchdog watchdog;
  const Action inner(SIGUSR2, AllocateAndJumpOut);
  const Action outer(SIGUSR1, [](int) {
    raise(SIGUSR2);
    abort();
  });
  for (volatile int left = Jumps(); left > 0;) {
    --left;
    if (sigsetjmp(target, 1) == 0) raise(SIGUSR1);
    ASSERT_FALSE(IsBlocked(SIGUSR1) || IsBlocked(SIGUSR2));
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(JumpOutOfAHandler, WithoutTheMask) {
  const Watchdog watchdog;
  const Action action(SIGUSR1, JumpOut, SA_NODEFER);
  for (volatile int left = Jumps(); left > 0;) {
    --left;
    if (sigsetjmp(target, 0) == 0) raise(SIGUSR1);
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(JumpOutOfAHandler, OfAFault) {
  const Watchdog watchdog;
  const Action action(SIGSEGV, JumpOut);
  for (volatile int left = Jumps(); left > 0;) {
    --left;
    if (sigsetjmp(target, 1) == 0) {
      *Hide(static_cast<volatile char*>(nullptr)) = 1;
      FAIL() << "no fault";
    }
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

// Computes until a timer of this thread's jumps out.
void ComputeUntilJumps(int jumps, void (*handler)(int), int flags) {
  const Action action(SIGUSR1, handler, flags);
  const ThreadTimer timer(SIGUSR1);
  volatile uint64_t work = 1;
  for (volatile int left = jumps; left > 0;) {
    --left;
    if (sigsetjmp(target, 1) == 0) {
      timer.Once(kSoon);
      for (;;) work = work * 6364136223846793005u + 1;
    }
  }
}

TEST(JumpOutOfAHandler, FromALoopThatComputes) {
  const Watchdog watchdog;
  ComputeUntilJumps(Jumps(), JumpOut, 0);
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(JumpOutOfAHandler, FromLoopsOfSeveralThreads) {
  const Watchdog watchdog;
  // One action for all: it is the process's.
  const Action action(SIGUSR1, AllocateAndJumpOut, SA_ONSTACK);
  RunThreads(3, [](int) {
    const AlternateStack stack;
    const ThreadTimer timer(SIGUSR1);
    volatile uint64_t work = 1;
    for (volatile int left = Jumps() / 3; left > 0;) {
      --left;
      if (sigsetjmp(target, 1) == 0) {
        timer.Once(kSoon);
        for (;;) work = work * 6364136223846793005u + 1;
      }
    }
  });
  EXPECT_TRUE(AllocateInManyClasses());
}

// Allocation is masked; the jump comes from between two such sections, and what
// was allocated is known at the target.
TEST(JumpOutOfAHandler, FromALoopThatAllocatesBetweenMaskedSections) {
  const Watchdog watchdog;
  const Action action(SIGUSR1, JumpOut);
  const ThreadTimer timer(SIGUSR1);
  const sigset_t signals = SetOf({SIGUSR1});
  static void* volatile kept;
  kept = nullptr;
  const auto next = [](size_t size) { return size * 2 % 50000 + 1; };
  // Each size has been there, however far a jump lets the loop come here.
  size_t warm = 16;
  for (int i = 0; i < 2000; ++i, warm = next(warm)) {
    free(kept);
    kept = malloc(warm);
  }
  EXPECT_TRUE(AllocateInManyClasses());
  const size_t before = ResidentBytes();
  for (volatile int left = Jumps(); left > 0;) {
    --left;
    if (sigsetjmp(target, 1) == 0) {
      timer.Once(kSoon);
      for (size_t size = 16;; size = next(size)) {
        pthread_sigmask(SIG_BLOCK, &signals, nullptr);
        free(kept);
        kept = malloc(size);
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      }
    }
  }
  free(kept);
  EXPECT_TRUE(AllocateInManyClasses());
  // A huge page or two may come; a frame of a handler left at each jump would
  // be more than that.
  EXPECT_LT(ResidentBytes(), before + 5 * kMiB);
}

}  // namespace
}  // namespace bulkhead
