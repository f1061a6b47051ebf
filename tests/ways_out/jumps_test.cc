// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// longjmp(), siglongjmp() and contexts: within a domain, out of vaults, out of
// handlers; and out of sandboxes, which is refused.

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <string>
#include <thread>
#include <vector>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/sandbox.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead::Root;
using ::bulkhead::Sandbox;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::SandboxTest;
using ::bulkhead_test::Scaled;

thread_local jmp_buf back;
thread_local sigjmp_buf back_with_mask;

void Jump(int value) { longjmp(back, value); }
BULKHEAD_ENTRY(kJump, "keys", Jump);
void JumpWithMask(int value) { siglongjmp(back_with_mask, value); }
BULKHEAD_ENTRY(kJumpWithMask, "keys", JumpWithMask);

// From one to the other and back, `depth` times; then out of all.
Compartment keys{bh_compartment{0, 0}};
Compartment other{bh_compartment{0, 0}};
void JumpFromDepth(int depth);
BULKHEAD_ENTRY(kDeeperInOther, "other", JumpFromDepth);
BULKHEAD_ENTRY(kDeeper, "keys", JumpFromDepth);
void JumpFromDepth(int depth) {
  if (depth == 0) longjmp(back, 3);
  if (depth % 2 == 0) {
    other.Call(kDeeperInOther, depth - 1).IgnoreError();
  } else {
    keys.Call(kDeeper, depth - 1).IgnoreError();
  }
}

// The inner of two vaults jumps to the outer, which returns.
thread_local jmp_buf back_to_vault;
void JumpToVault() { longjmp(back_to_vault, 9); }
BULKHEAD_ENTRY(kJumpToVault, "other", JumpToVault);
int CatchJump() {
  const int value = setjmp(back_to_vault);
  if (value == 0) other.Call(kJumpToVault).IgnoreError();
  return value * 100 + static_cast<int>(bh_current().id);
}
BULKHEAD_ENTRY(kCatchJump, "keys", CatchJump);

int JumpInside() {
  jmp_buf here;
  volatile int rounds = 0;
  if (setjmp(here) < 5) {
    rounds = rounds + 1;
    longjmp(here, rounds);
  }
  return rounds;
}
BULKHEAD_ENTRY(kJumpInside, "keys", JumpInside);
BULKHEAD_ENTRY(kJumpInsideBox, "box", JumpInside);

// Two coroutines of the vault's, on stacks in its heap.
ucontext_t main_context;
ucontext_t coroutine;
int steps = 0;
void Step() {
  for (;;) {
    ++steps;
    swapcontext(&coroutine, &main_context);
  }
}
int SwapInside() {
  constexpr size_t kBytes = 65536;
  void* const stack = malloc(kBytes);
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = kBytes;
  makecontext(&coroutine, Step, 0);
  steps = 0;
  for (int i = 0; i < 10; ++i) swapcontext(&main_context, &coroutine);
  free(stack);
  return steps;
}
BULKHEAD_ENTRY(kSwapInside, "keys", SwapInside);
void SetContextOfRoot() { setcontext(&main_context); }
BULKHEAD_ENTRY(kSetContextOfRoot, "keys", SetContextOfRoot);

void RaiseInside() { raise(SIGUSR1); }
BULKHEAD_ENTRY(kRaiseInside, "keys", RaiseInside);
void RaiseInOther() { other.Call(kDeeperInOther, 0).IgnoreError(); }
BULKHEAD_ENTRY(kRaiseBelow, "keys", RaiseInOther);
BULKHEAD_ENTRY(kRaiseInBox, "box", RaiseInside);
void JumpFromHandler(int) { siglongjmp(back_with_mask, 1); }

void Install(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
}

bool Blocks(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

class JumpsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bh_options options = {};
    options.scopes = BH_ON;
    keys = *Compartment::Create("keys", options);
    other = *Compartment::Create("other");
  }
  void TearDown() override {
    EXPECT_EQ(bh_current().id, 0u);
    // Nobody is inside any more.
    EXPECT_TRUE(keys.Destroy().ok());
    EXPECT_TRUE(other.Destroy().ok());
  }
};

TEST_F(JumpsTest, LeaveAVault) {
  for (volatile int i = 1; i <= Scaled(10000); i = i + 1) {
    const int value = setjmp(back);
    if (value == 0) keys.Call(kJump, i).IgnoreError();
    ASSERT_EQ(value, i);
    ASSERT_EQ(bh_current().id, 0u);
  }
}

TEST_F(JumpsTest, BringTheMaskBack) {
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  const int value = sigsetjmp(back_with_mask, 1);
  if (value == 0) {
    pthread_sigmask(SIG_BLOCK, &usr2, nullptr);
    keys.Call(kJumpWithMask, 5).IgnoreError();
  }
  EXPECT_EQ(value, 5);
  EXPECT_FALSE(Blocks(SIGUSR2));
}

TEST_F(JumpsTest, LeaveManyVaultsAtOnce) {
  for (volatile int depth = 1; depth < 12; depth = depth + 1) {
    const int value = setjmp(back);
    if (value == 0) keys.Call(kDeeper, depth).IgnoreError();
    ASSERT_EQ(value, 3);
    ASSERT_EQ(bh_current().id, 0u);
  }
}

TEST_F(JumpsTest, LeaveOneVaultForItsCaller) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(*keys.Call(kCatchJump), 900 + static_cast<int>(keys.handle().id));
  }
}

TEST_F(JumpsTest, LeaveAScope) {
  for (volatile int i = 1; i < 100; i = i + 1) {
    const int value = setjmp(back);
    if (value == 0) keys.WithScope([] { longjmp(back, 4); }).IgnoreError();
    ASSERT_EQ(value, 4);
    ASSERT_EQ(bh_current().id, 0u);
  }
}

TEST_F(JumpsTest, StayInAScope) {
  int value = -1;
  uint32_t where = 99;
  EXPECT_TRUE(keys.WithScope([&] {
                    jmp_buf here;
                    volatile int rounds = 0;
                    if (setjmp(here) < 3) {
                      rounds = rounds + 1;
                      longjmp(here, rounds);
                    }
                    value = rounds;
                    where = bh_current().id;
                  })
                  .ok());
  EXPECT_EQ(value, 3);
  EXPECT_EQ(where, keys.handle().id);
}

TEST_F(JumpsTest, StayInside) {
  EXPECT_EQ(*keys.Call(kJumpInside), 5);
  EXPECT_EQ(*keys.Call(kSwapInside), 10);
  EXPECT_EQ(JumpInside(), 5);
  EXPECT_EQ(SwapInside(), 10);
}

TEST_F(JumpsTest, OfManyThreadsDoNotMix) {
  std::vector<std::thread> threads;
  for (int t = 1; t <= 4; ++t) {
    threads.emplace_back([t] {
      for (volatile int i = 0; i < Scaled(2000); i = i + 1) {
        const int value = setjmp(back);
        if (value == 0) keys.Call(kDeeper, t).IgnoreError();
        ASSERT_EQ(value, 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(JumpsTest, OutOfAHandlerGiveUpWhatItInterrupted) {
  Install(JumpFromHandler);
  for (volatile int i = 0; i < Scaled(1000, 20); i = i + 1) {
    if (sigsetjmp(back_with_mask, 1) == 0) {
      keys.Call(kRaiseInside).IgnoreError();
      FAIL() << "the handler did not jump";
    }
    ASSERT_EQ(bh_current().id, 0u);
    ASSERT_FALSE(Blocks(SIGUSR1));
    ASSERT_TRUE(keys.Call(kJumpInside).ok());
  }
}

TEST_F(JumpsTest, ToAContextOfTheRootAreRefused) {
  const ChildResult child = RunInChild([] {
    getcontext(&main_context);
    keys.Call(kSetContextOfRoot).IgnoreError();
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
  EXPECT_NE(child.errors.find("bad-jump"), std::string::npos) << child.errors;
}

void JumpOut() { longjmp(back, 1); }
BULKHEAD_ENTRY(kJumpOutOfBox, "box", JumpOut);

// A callback that jumps past the sandbox that called it.
BULKHEAD_ENTRY(kJumpPast, "root", JumpOut);
void CallJumpPast() { Root().Call(kJumpPast).IgnoreError(); }
BULKHEAD_ENTRY(kCallJumpPast, "box", CallJumpPast);

// And one that stays where it is.
int JumpInCallback() { return JumpInside(); }
BULKHEAD_ENTRY(kJumpInCallback, "root", JumpInCallback);
int CallJumpInCallback() { return *Root().Call(kJumpInCallback); }
BULKHEAD_ENTRY(kCallJumpInCallback, "box", CallJumpInCallback);

TEST_F(SandboxTest, JumpsWithinASandboxAreItsOwn) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  ASSERT_TRUE(box.Allow(kJumpInCallback).ok());
  EXPECT_EQ(box.Call(kJumpInsideBox)->Unchecked(), 5);
  EXPECT_EQ(box.Call(kCallJumpInCallback)->Unchecked(), 5);
  EXPECT_TRUE(box.Destroy().ok());
}

TEST_F(SandboxTest, JumpsOutOfASandboxAreRefused) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  ASSERT_TRUE(box.Allow(kJumpPast).ok());
  for (const auto& gate : {kJumpOutOfBox, kCallJumpPast}) {
    const ChildResult child = RunInChild([&] {
      if (setjmp(back) == 0) box.Call(gate).IgnoreError();
    });
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
    EXPECT_NE(child.errors.find("bad-jump"), std::string::npos) << child.errors;
  }
  EXPECT_TRUE(box.Destroy().ok());
}

TEST_F(SandboxTest, HandlersMayJumpOutOfASandbox) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  Install(JumpFromHandler);
  for (volatile int i = 0; i < 100; i = i + 1) {
    if (sigsetjmp(back_with_mask, 1) == 0) {
      box.Call(kRaiseInBox).IgnoreError();
      FAIL() << "the handler did not jump";
    }
    ASSERT_EQ(bh_current().id, 0u);
    ASSERT_EQ(box.Call(kJumpInsideBox)->Unchecked(), 5);
  }
  EXPECT_TRUE(box.Destroy().ok());
}

}  // namespace
