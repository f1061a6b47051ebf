// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// sigaltstack() answers a thread that has been in a compartment as it answers
// one that has not: there it is the kernel that answers.

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include <functional>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"
#include "tests/signals/signals.h"

namespace bulkhead {
namespace {

using bulkhead_test::MayHaveSandboxes;

constexpr size_t kBytes = size_t{64} << 10;
constexpr int kAutoDisarm = static_cast<int>(1u << 31);

void* AllocateInside() { return malloc(kBytes); }
BULKHEAD_ENTRY(kAllocateInside, "vault", AllocateInside);

const Compartment& Vault() {
  static const Compartment vault = Compartment::Create("vault").value();
  return vault;
}

stack_t StackOf(std::vector<char>& memory, int flags = 0) {
  stack_t stack = {};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  stack.ss_flags = flags;
  return stack;
}

// What the calling thread's is. It fails only where the test does.
stack_t Now() {
  stack_t now = {};
  if (sigaltstack(nullptr, &now) != 0) abort();
  return now;
}

int ErrorOf(const stack_t& wanted) {
  errno = 0;
  return sigaltstack(&wanted, nullptr) == 0 ? 0 : errno;
}

const void* local_of_handler;
stack_t seen_in_handler;
int error_in_handler;

void Look(int, siginfo_t*, void*) {
  char local = 0;
  local_of_handler = &local;
  seen_in_handler = Now();
  stack_t none = {};
  none.ss_flags = SS_DISABLE;
  error_in_handler = ErrorOf(none);
}

// Each test in a thread of its own, which has been in a compartment or not.
class AlternateStackTest : public testing::TestWithParam<bool> {
 protected:
  void InThread(const std::function<void()>& body) {
    std::thread([&] {
      if (GetParam()) {
        void* const block = Vault().Call(kAllocateInside).value();
        ASSERT_NE(block, nullptr);
      }
      body();
    }).join();
  }
};

TEST_P(AlternateStackTest, IsNoneAtFirst) {
  // Before Linux 6.12 the kernel is given Bulkhead's own.
  if (GetParam() && !MayHaveSandboxes()) return;
  InThread([] { EXPECT_EQ(Now().ss_flags, SS_DISABLE); });
}

TEST_P(AlternateStackTest, IsWhatWasSaidLast) {
  InThread([] {
    std::vector<char> memory(kBytes);
    ASSERT_EQ(ErrorOf(StackOf(memory)), 0);
    EXPECT_EQ(Now().ss_sp, memory.data());
    EXPECT_EQ(Now().ss_size, kBytes);
    EXPECT_EQ(Now().ss_flags, 0);
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    stack_t before = {};
    ASSERT_EQ(sigaltstack(&none, &before), 0);
    EXPECT_EQ(before.ss_sp, memory.data());
    EXPECT_EQ(Now().ss_flags, SS_DISABLE);
  });
}

TEST_P(AlternateStackTest, RefusesNonsense) {
  InThread([] {
    std::vector<char> memory(kBytes);
    EXPECT_EQ(ErrorOf(StackOf(memory, 77)), EINVAL);
    stack_t small = StackOf(memory);
    small.ss_size = 1000;
    EXPECT_EQ(ErrorOf(small), ENOMEM);
  });
}

TEST_P(AlternateStackTest, IsWhereHandlersRunAndNotLeftMeanwhile) {
  const Action action(SIGUSR1, Look, SA_ONSTACK);
  InThread([] {
    std::vector<char> memory(kBytes);
    ASSERT_EQ(ErrorOf(StackOf(memory)), 0);
    for (int i = 0; i < 10; ++i) {
      local_of_handler = nullptr;
      raise(SIGUSR1);
      const auto* const local = static_cast<const char*>(local_of_handler);
      EXPECT_TRUE(local > memory.data() && local < memory.data() + kBytes);
      EXPECT_EQ(seen_in_handler.ss_flags, SS_ONSTACK);
      EXPECT_EQ(error_in_handler, EPERM);
    }
    EXPECT_EQ(Now().ss_flags, 0);
  });
}

TEST_P(AlternateStackTest, DisarmsItself) {
  const Action action(SIGUSR1, Look, SA_ONSTACK);
  InThread([] {
    std::vector<char> memory(kBytes);
    ASSERT_EQ(ErrorOf(StackOf(memory, kAutoDisarm)), 0);
    raise(SIGUSR1);
    const auto* const local = static_cast<const char*>(local_of_handler);
    EXPECT_TRUE(local > memory.data() && local < memory.data() + kBytes);
    EXPECT_EQ(seen_in_handler.ss_flags, SS_DISABLE);
    EXPECT_EQ(error_in_handler, 0);
    EXPECT_EQ(Now().ss_flags, kAutoDisarm);
    EXPECT_EQ(Now().ss_sp, memory.data());
  });
}

int depth;
void RaiseAgain(int) {
  if (++depth < 10) raise(SIGUSR1);
}

TEST_P(AlternateStackTest, HoldsNestedHandlers) {
  const Action action(SIGUSR1, RaiseAgain, SA_ONSTACK | SA_NODEFER);
  InThread([] {
    std::vector<char> memory(4 * kBytes);
    ASSERT_EQ(ErrorOf(StackOf(memory)), 0);
    depth = 0;
    raise(SIGUSR1);
    EXPECT_EQ(depth, 10);
  });
}

INSTANTIATE_TEST_SUITE_P(Threads, AlternateStackTest, testing::Bool(),
                         [](const auto& each) {
                           return each.param ? "ThatHasBeenInside"
                                             : "ThatHasNot";
                         });

TEST(AlternateStackInAVault, IsRefused) {
  void* const block = Vault().Call(kAllocateInside).value();
  stack_t stack = {};
  stack.ss_sp = block;
  stack.ss_size = kBytes;
  // Elsewhere the kernel does not ask whose memory it is: no handler may come
  // while that is the thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  EXPECT_EQ(ErrorOf(stack), MayHaveSandboxes() ? EPERM : 0);
  stack = {};
  stack.ss_flags = SS_DISABLE;
  EXPECT_EQ(ErrorOf(stack), 0);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// A thread that first calls into a compartment from a handler on its alternate
// stack keeps that one, as far as it can tell.
bool well;
void CallFromHandler(int) {
  well = Vault().Call(kAllocateInside).value_or(nullptr) != nullptr &&
         Now().ss_flags == SS_ONSTACK;
}

TEST(AlternateStackOfAHandler, StaysTheProgramsAfterItsFirstCall) {
  const Action action(SIGUSR1, CallFromHandler, SA_ONSTACK);
  Vault();
  std::thread([] {
    std::vector<char> memory(kBytes);
    ASSERT_EQ(ErrorOf(StackOf(memory)), 0);
    well = false;
    raise(SIGUSR1);
    EXPECT_TRUE(well);
    EXPECT_EQ(Now().ss_sp, memory.data());
    EXPECT_EQ(Now().ss_flags, 0);
    well = false;
    raise(SIGUSR1);
    EXPECT_TRUE(well);
  }).join();
}

}  // namespace
}  // namespace bulkhead
