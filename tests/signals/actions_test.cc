// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What sigaction() and its kin set, and what they say was set.

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/signals/signals.h"

namespace bulkhead {
namespace {

void Plain(int) {}
void OtherPlain(int) {}
void Informed(int, siginfo_t*, void*) {}

// glibc adds its return trampoline on the way in and does not hide that.
constexpr int kRestorer = 0x04000000;

void ExpectSame(const struct sigaction& seen, const struct sigaction& set) {
  EXPECT_EQ(seen.sa_flags & ~kRestorer, set.sa_flags);
  if ((set.sa_flags & SA_SIGINFO) != 0) {
    EXPECT_EQ(seen.sa_sigaction, set.sa_sigaction);
  } else {
    EXPECT_EQ(seen.sa_handler, set.sa_handler);
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    EXPECT_EQ(sigismember(&seen.sa_mask, signal),
              sigismember(&set.sa_mask, signal))
        << "signal " << signal;
  }
}

std::vector<struct sigaction> InterestingActions() {
  std::vector<struct sigaction> actions;
  const sigset_t masks[] = {SetOf({}), SetOf({SIGUSR2, SIGTERM, SIGRTMAX})};
  constexpr int kFlags[] = {0,
                            SA_RESTART,
                            SA_NODEFER,
                            SA_ONSTACK,
                            SA_NOCLDSTOP | SA_NOCLDWAIT,
                            static_cast<int>(SA_RESETHAND),
                            SA_RESTART | SA_NODEFER | SA_ONSTACK};
  for (const sigset_t& mask : masks) {
    for (const int flags : kFlags) {
      struct sigaction action = {};
      action.sa_mask = mask;
      action.sa_flags = flags;
      for (void (*const handler)(int) : {Plain, SIG_IGN, SIG_DFL}) {
        action.sa_handler = handler;
        actions.push_back(action);
      }
      action.sa_sigaction = Informed;
      action.sa_flags |= SA_SIGINFO;
      actions.push_back(action);
    }
  }
  return actions;
}

TEST(OldAction, EqualsWhatWasSet) {
  for (const int signal : {SIGUSR1, SIGCHLD, SIGSEGV, SIGRTMIN + 3}) {
    const Action restores_the_first(signal, SIG_DFL);
    struct sigaction last = {};
    for (const struct sigaction& action : InterestingActions()) {
      struct sigaction old, now;
      ASSERT_EQ(sigaction(signal, &action, &old), 0);
      ExpectSame(old, last);
      ASSERT_EQ(sigaction(signal, nullptr, &now), 0);
      ExpectSame(now, action);
      last = action;
    }
  }
}

TEST(OldAction, MayBeReadIntoTheNewOne) {
  const Action restores_the_first(SIGUSR1, Plain, SA_RESTART);
  struct sigaction both = {};
  both.sa_sigaction = Informed;
  both.sa_flags = SA_SIGINFO;
  ASSERT_EQ(sigaction(SIGUSR1, &both, Hide(&both)), 0);
  EXPECT_EQ(both.sa_handler, Plain);
  EXPECT_EQ(both.sa_flags & ~kRestorer, SA_RESTART);
  ASSERT_EQ(sigaction(SIGUSR1, &both, Hide(&both)), 0);
  EXPECT_EQ(both.sa_sigaction, Informed);
}

TEST(OldAction, OfSignal) {
  const Action restores_the_first(SIGUSR1, SIG_DFL);
  EXPECT_EQ(signal(SIGUSR1, Plain), SIG_DFL);
  EXPECT_EQ(signal(SIGUSR1, OtherPlain), Plain);
  struct sigaction now;
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, OtherPlain);
  EXPECT_EQ(now.sa_flags & (SA_RESTART | SA_SIGINFO | SA_NODEFER), SA_RESTART);
  EXPECT_EQ(signal(SIGUSR1, SIG_IGN), OtherPlain);
  EXPECT_EQ(signal(SIGUSR1, SIG_DFL), SIG_IGN);
}

TEST(OldAction, OfSystemVsSignal) {
  const Action restores_the_first(SIGUSR1, Plain);
  EXPECT_EQ(sysv_signal(SIGUSR1, OtherPlain), Plain);
  struct sigaction now;
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, OtherPlain);
  EXPECT_NE(now.sa_flags & static_cast<int>(SA_RESETHAND), 0);
  EXPECT_NE(now.sa_flags & SA_NODEFER, 0);
}

TEST(OldAction, KeepsItsHandlerUnderSiginterrupt) {
  const Action restores_the_first(SIGUSR1, Plain, SA_RESTART);
  struct sigaction now;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  ASSERT_EQ(siginterrupt(SIGUSR1, 1), 0);
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, Plain);
  EXPECT_EQ(now.sa_flags & SA_RESTART, 0);
  ASSERT_EQ(siginterrupt(SIGUSR1, 0), 0);
#pragma GCC diagnostic pop
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, Plain);
  EXPECT_EQ(now.sa_flags & SA_RESTART, SA_RESTART);
}

TEST(OldAction, IsInheritedByAForkedChild) {
  const Action informed(SIGUSR1, Informed, SA_NODEFER, SetOf({SIGTERM}));
  const Action ignored(SIGUSR2, SIG_IGN);
  EXPECT_EQ(RunInChild([] {
              struct sigaction now;
              sigaction(SIGUSR1, nullptr, &now);
              if (now.sa_sigaction != Informed) return 1;
              if ((now.sa_flags & SA_NODEFER) == 0) return 2;
              if (sigismember(&now.sa_mask, SIGTERM) != 1) return 3;
              sigaction(SIGUSR2, nullptr, &now);
              return now.sa_handler == SIG_IGN ? 0 : 4;
            }),
            kExitedWell);
}

TEST(BadAction, IsRefused) {
  struct sigaction action = {};
  action.sa_handler = Plain;
  // Two below SIGRTMIN are libc's own.
  for (const int signal : {-1, 0, SIGKILL, SIGSTOP, NSIG, 1000, 32, 33}) {
    errno = 0;
    EXPECT_EQ(sigaction(signal, &action, nullptr), -1) << "signal " << signal;
    EXPECT_EQ(errno, EINVAL) << "signal " << signal;
    errno = 0;
    EXPECT_EQ(::signal(signal, Plain), SIG_ERR) << "signal " << signal;
    EXPECT_EQ(errno, EINVAL) << "signal " << signal;
  }
}

TEST(BadAction, LeavesTheOldOne) {
  const Action plain(SIGUSR1, Plain);
  EXPECT_EQ(signal(SIGUSR1, SIG_ERR), SIG_ERR);
  struct sigaction now;
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, Plain);
}

// The default and the ignored are the kernel's business, whatever was there.
TEST(Default, EndsAProcessAfterAHandlerWasThere) {
  const int status = RunInChild([] {
    signal(SIGUSR1, Plain);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
    raise(SIGUSR1);
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1) << status;
}

TEST(Default, OfAFaultEndsAProcess) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) {
    const int status = RunInChild([signal] {
      ::signal(signal, Plain);
      ::signal(signal, SIG_DFL);
      raise(signal);
      return 0;
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
  }
}

std::atomic<int> calls{0};
void CountCall(int) { ++calls; }

// The old ways of System V, which libc's headers advise against.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
TEST(Sigset, InstallsHoldsAndTellsOfBoth) {
  calls = 0;
  const auto before = sigset(SIGUSR2, CountCall);
  EXPECT_EQ(before, SIG_DFL);
  raise(SIGUSR2);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(sigset(SIGUSR2, SIG_HOLD), CountCall);
  raise(SIGUSR2);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(sigset(SIGUSR2, CountCall), SIG_HOLD);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(sigset(SIGUSR2, SIG_DFL), CountCall);
  EXPECT_EQ(sigset(0, CountCall), SIG_ERR);
}

TEST(Sigset, IgnoresASignal) {
  ASSERT_EQ(sigignore(SIGUSR2), 0);
  raise(SIGUSR2);
  EXPECT_EQ(signal(SIGUSR2, SIG_DFL), SIG_IGN);
}
#pragma GCC diagnostic pop

}  // namespace
}  // namespace bulkhead
