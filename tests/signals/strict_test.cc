// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// With the option signals=strict, under which this program runs itself: signals
// wait while their thread is in a compartment, or in the monitor.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/thread/signal_frame.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

constexpr char kOptions[] = "signals=strict";

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

volatile sig_atomic_t handled = 0;
volatile sig_atomic_t strange = 0;

// Counts, and counts apart where what was interrupted had other rights than the
// root's.
void Handle(int, siginfo_t*, void* raw_context) {
  Pkru pkru;
  if (HasKeys() &&
      (!InterruptedPkru(*static_cast<ucontext_t*>(raw_context), pkru) ||
       Bits(pkru & Pkru{bulkhead_owned_pkru}) != bulkhead_root_pkru)) {
    strange = strange + 1;
  }
  handled = handled + 1;
}

void Raise() {
  syscall(SYS_tgkill, getpid(), static_cast<int>(syscall(SYS_gettid)), SIGUSR1);
}

// How many were handled by the time that the call returned.
int RaiseInside() {
  Raise();
  return handled;
}
BULKHEAD_ENTRY(kRaise, "strict", RaiseInside);

jmp_buf out;
void RaiseAndJump() {
  Raise();
  longjmp(out, 1);
}
BULKHEAD_ENTRY(kJump, "strict", RaiseAndJump);

int RaiseAndThrow() {
  Raise();
  throw std::runtime_error("out");
}
BULKHEAD_ENTRY(kThrow, "strict", RaiseAndThrow);

void RaiseAndExit() {
  Raise();
  pthread_exit(nullptr);
}
BULKHEAD_ENTRY(kExit, "strict", RaiseAndExit);

void* Allocate(size_t size) { return malloc(size); }
BULKHEAD_ENTRY(kAllocate, "strict", Allocate);
void Free(void* block) { free(block); }
BULKHEAD_ENTRY(kFree, "strict", Free);

class StrictTest : public testing::Test {
 protected:
  static const Compartment& Vault() {
    static const Compartment vault = [] {
      bh_options options = {};
      options.scopes = BH_ON;
      return Compartment::Create("strict", options).value();
    }();
    return vault;
  }

  void SetUp() override {
    Vault();
    struct sigaction action = {};
    action.sa_sigaction = Handle;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    ASSERT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
    handled = 0;
    strange = 0;
  }

  // Of one that came inside. Without keys nothing waits.
  static int HandledInside() { return HasKeys() ? 0 : 1; }
};

TEST_F(StrictTest, AVaultsWaitForItsEnd) {
  EXPECT_EQ(Vault().Call(kRaise).value(), HandledInside());
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(strange, 0);
}

TEST_F(StrictTest, AScopesWaitForItsEnd) {
  int inside = -1;
  EXPECT_EQ(Vault().WithScope([&inside] { inside = RaiseInside(); }),
            absl::OkStatus());
  EXPECT_EQ(inside, HandledInside());
  EXPECT_EQ(handled, 1);
  EXPECT_EQ(strange, 0);
}

TEST_F(StrictTest, JumpsOutLetThemCome) {
  if (setjmp(out) == 0) Vault().Call(kJump).IgnoreError();
  EXPECT_EQ(handled, 1);
  Raise();
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(strange, 0);
}

TEST_F(StrictTest, ExceptionsLetThemCome) {
  EXPECT_THROW(Vault().Call(kThrow).IgnoreError(), std::runtime_error);
  EXPECT_EQ(handled, 1);
  Raise();
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(strange, 0);
}

TEST_F(StrictTest, TheEndOfAThreadDoes) {
  std::thread([] { Vault().Call(kExit).IgnoreError(); }).join();
  EXPECT_LE(handled, 1);
  EXPECT_EQ(strange, 0);
  const int inside = Vault().Call(kRaise).value();
  EXPECT_EQ(handled, HasKeys() ? inside + 1 : inside);
}

// A thousand times a second, while the thread is now inside, now in the
// monitor, and now neither.
TEST_F(StrictTest, NoneComesInOtherRights) {
  const itimerval often = {{0, 1000}, {0, 1000}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  const int wanted = bulkhead_test::Scaled(1000, 50);
  const bool done = bulkhead_test::Await([wanted] {
    for (size_t size = 16; size < 100000; size = size * 3 / 2) {
      void* const block = Vault().Call(kAllocate, size).value();
      free(malloc(size));
      EXPECT_TRUE(Vault().Call(kFree, block).ok());
    }
    return handled >= wanted;
  });
  const itimerval never = {};
  ASSERT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
  EXPECT_TRUE(done) << handled;
  EXPECT_EQ(strange, 0) << "of " << handled;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  const char* options = getenv("BULKHEAD_OPTIONS");
  if (options == nullptr || options != std::string(bulkhead::kOptions)) {
    setenv("BULKHEAD_OPTIONS", bulkhead::kOptions, 1);
    execv("/proc/self/exe", argv);
    return 99;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
