// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Handlers of signals. The kernel closes every key but 0 in a handler and
// restores the bits by the frame that it returns by, which Bulkhead makes anew
// for its own keys alone; so for others it is as without Bulkhead:
//
//   in the handler             closed
//   after it                   what they were, whatever the handler set
//   after a jump out of it     the handler's
//   after it, if it changed
//     the frame                what the frame says

#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>

#include "bulkhead/sandbox.h"
#include "tests/coexistence/fixture.h"
#include "tests/sandboxes/means.h"
#include "tests/signals/signals.h"
#include "tests/support/busy_threads.h"

namespace {

using ::bulkhead::Action;
using ::bulkhead::AlternateStack;
using ::bulkhead::Compartment;
using ::bulkhead::ThreadTimer;
using ::bulkhead_test::AllocateInManyClasses;
using ::bulkhead_test::Bits;
using ::bulkhead_test::CoexistenceTest;
using ::bulkhead_test::kClosed;
using ::bulkhead_test::kNoBits;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::SetBits;

// What the handlers know: the user's key, and what they found.
int users_key = -1;
std::atomic<int> in_handler{1000};
std::atomic<int> handled{0};

int InHandlers() { return users_key > 0 ? kClosed : kNoBits; }

void Note(int) {
  in_handler = Bits(users_key);
  ++handled;
}

// Opens the key for itself, and calls into a vault.
Compartment other = Compartment::Root();
std::atomic<int> in_vault_of_handler{1000};
BULKHEAD_ENTRY(kBitsInOther, "other", Bits);
void UseTheKey(int signal) {
  Note(signal);
  SetBits(users_key, 2);
  in_vault_of_handler = other.Call(kBitsInOther, users_key).value_or(1000);
  if (!AllocateInManyClasses()) abort();
}

// Where the rights of the interrupted code stand in a signal's frame.
uint32_t* PkruIn(void* raw_context) {
  unsigned size, offset, c, d;
  if (__get_cpuid_count(0xd, 9, &size, &offset, &c, &d) == 0) abort();
  const auto& context = *static_cast<const ucontext_t*>(raw_context);
  return reinterpret_cast<uint32_t*>(
      reinterpret_cast<char*>(context.uc_mcontext.fpregs) + offset);
}

// Changes the bits of what it interrupts.
std::atomic<int> wanted{0};
void ChangeFrame(int signal, siginfo_t*, void* context) {
  Note(signal);
  if (users_key <= 0) return;
  uint32_t pkru;
  memcpy(&pkru, PkruIn(context), sizeof(pkru));
  pkru &= ~(uint32_t{3} << (2 * users_key));
  pkru |= static_cast<uint32_t>(wanted) << (2 * users_key);
  memcpy(PkruIn(context), &pkru, sizeof(pkru));
}

// The handler that a program has for faults on pages of its own key.
std::atomic<int> fault_code{0};
std::atomic<int> fault_key{0};
void OpenOnFault(int signal, siginfo_t* info, void* context) {
  fault_code = info->si_code;
  fault_key = static_cast<int>(info->si_pkey);
  wanted = 0;
  ChangeFrame(signal, info, context);
}

sigjmp_buf back;
void JumpOut(int signal) {
  Note(signal);
  siglongjmp(back, 1);
}

int RaiseInside(int key) {
  raise(SIGUSR1);
  return Bits(key);
}
BULKHEAD_ENTRY(kRaise, "keys", RaiseInside);
BULKHEAD_ENTRY(kRaiseInOther, "other", RaiseInside);
BULKHEAD_ENTRY(kRaiseInBox, "box", RaiseInside);
int RaiseBelow(int key) {
  const int inner = other.Call(kRaiseInOther, key).value_or(1000);
  return inner == Bits(key) ? inner : 1000;
}
BULKHEAD_ENTRY(kRaiseBelow, "keys", RaiseBelow);

int WorkInside(int key) { return AllocateInManyClasses() ? Bits(key) : 1000; }
BULKHEAD_ENTRY(kWork, "keys", WorkInside);
int WorkBelow(int key) {
  const int inner = other.Call(kBitsInOther, key).value_or(1000);
  return inner == Bits(key) ? inner : 1000;
}
BULKHEAD_ENTRY(kWorkBelow, "keys", WorkBelow);

class HandlersTest : public CoexistenceTest {
 protected:
  void SetUp() override {
    CoexistenceTest::SetUp();
    users_key = user_.key();
    other = other_;
    in_handler = 1000;
    handled = 0;
  }

  // After a handler has run.
  void ExpectHandled(int times = 1) const {
    EXPECT_EQ(handled, times);
    EXPECT_EQ(in_handler, InHandlers());
    ExpectBits();
  }
};

TEST_P(HandlersTest, InTheRoot) {
  const Action action(SIGUSR1, Note);
  raise(SIGUSR1);
  ExpectHandled();
}

TEST_P(HandlersTest, OnAnAlternateStack) {
  const AlternateStack stack;
  const Action action(SIGUSR1, Note, SA_ONSTACK);
  raise(SIGUSR1);
  ExpectHandled();
}

TEST_P(HandlersTest, InAVault) {
  const Action action(SIGUSR1, Note);
  EXPECT_EQ(keys_.Call(kRaise, users_key).value_or(1000), bits_);
  ExpectHandled();
  EXPECT_EQ(keys_.Call(kRaiseBelow, users_key).value_or(1000), bits_);
  ExpectHandled(2);
}

TEST_P(HandlersTest, InASandbox) {
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  bh_compartment made;
  const bh_status status = bh_create("box", &options, &made);
  if (!bulkhead_test::MayHaveSandboxes()) {
    EXPECT_EQ(status, BH_ERR_LEVEL);
    return;
  }
  ASSERT_EQ(status, BH_OK);
  const Compartment box(made);
  const Action action(SIGUSR1, Note);
  EXPECT_EQ(box.Call(kRaiseInBox, users_key).value_or(1000), bits_);
  ExpectHandled();
  EXPECT_TRUE(box.Destroy().ok());
}

TEST_P(HandlersTest, WhatTheySetIsTheirs) {
  const Action action(SIGUSR1, UseTheKey);
  raise(SIGUSR1);
  ExpectHandled();
  EXPECT_EQ(in_vault_of_handler, users_key > 0 ? 2 : kNoBits);
  EXPECT_EQ(keys_.Call(kRaise, users_key).value_or(1000), bits_);
  ExpectHandled(2);
}

TEST_P(HandlersTest, WhatTheyWriteToTheFrameHolds) {
  const Action action(SIGUSR1, ChangeFrame);
  for (int bits = 0; bits < 4; ++bits) {
    wanted = bits;
    const int then = users_key > 0 ? bits : kNoBits;
    raise(SIGUSR1);
    EXPECT_EQ(Bits(users_key), then);
    EXPECT_EQ(keys_.Call(kRaise, users_key).value_or(1000), then);
    EXPECT_EQ(Bits(users_key), then);
  }
  SetBits(users_key, GetParam());
}

TEST_P(HandlersTest, AfterAJumpTheHandlersStay) {
  const Action action(SIGUSR1, JumpOut);
  if (sigsetjmp(back, 1) == 0) {
    raise(SIGUSR1);
    FAIL() << "no jump";
  }
  EXPECT_EQ(in_handler, InHandlers());
  EXPECT_EQ(Bits(users_key), InHandlers());
  SetBits(users_key, GetParam());
  if (sigsetjmp(back, 1) == 0) {
    keys_.Call(kRaiseBelow, users_key).IgnoreError();
    FAIL() << "no jump";
  }
  EXPECT_EQ(Bits(users_key), InHandlers());
  SetBits(users_key, GetParam());
}

// A fault on the user's pages is the program's, not a violation.
TEST_P(HandlersTest, OfFaultsOnTheUsersPages) {
  const Action action(SIGSEGV, OpenOnFault, SA_SIGINFO);
  fault_code = 0;
  const volatile char* const byte = user_.pages();
  const char found = *byte;
  const bool was_closed = users_key > 0 && (GetParam() & kClosed) != 0;
  EXPECT_EQ(handled, was_closed ? 1 : 0);
  if (was_closed) {
    EXPECT_EQ(fault_code, SEGV_PKUERR);
    EXPECT_EQ(fault_key, users_key);
    EXPECT_EQ(in_handler, kClosed);
    EXPECT_EQ(Bits(users_key), 0);
  }
  EXPECT_EQ(found, 0);
  SetBits(users_key, GetParam());
}

// At any instruction of a gate, of the monitor, of malloc.
TEST_P(HandlersTest, AtAnyInstruction) {
  const Action action(SIGUSR1, Note);
  const ThreadTimer timer(SIGUSR1);
  int wrong = 0;
  timer.Every(Scaled(200'000, 1) < 200'000 ? 2'000'000 : 200'000);
  for (int i = 0; i < Scaled(4000, 200); ++i) {
    wrong += keys_.Call(kWork, users_key).value_or(1000) != bits_;
    wrong += Bits(users_key) != bits_;
    wrong += keys_.Call(kWorkBelow, users_key).value_or(1000) != bits_;
    wrong += !AllocateInManyClasses();
    wrong += Bits(users_key) != bits_;
  }
  while (handled == 0) wrong += Bits(users_key) != bits_;
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(in_handler, InHandlers());
}

WITH_ALL_BITS(HandlersTest);

}  // namespace
