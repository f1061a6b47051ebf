// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Code in a sandbox that tries to get out of it: by what it leaves in
// registers, by what it makes of its own TLS and stack, by signals that come
// meanwhile.

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/pkru.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/call_monitor.h"
#include "tests/sandboxes/sandbox.h"
#include "tests/signals/signals.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

extern "C" {
uint64_t StoreRegisters(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t);
uint64_t SpoilRegisters(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t);
void JumpWithRegisters(const uint64_t registers[16], const void* target);
uint64_t CallKeeping(const void* function, const uint64_t arguments[8],
                     uint64_t after[8]);
}

namespace {

using ::bulkhead::Action;
using ::bulkhead::Compartment;
using ::bulkhead::ThreadTimer;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::SandboxTest;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::Watchdog;

constexpr int kOut = 77;

BULKHEAD_GATE(kStoreRegisters, "box", StoreRegisters);
BULKHEAD_GATE(kSpoilRegisters, "box", SpoilRegisters);

void Raise() { raise(SIGUSR1); }
BULKHEAD_ENTRY(kRaise, "box", Raise);

uint64_t Nothing() { return 0; }
BULKHEAD_ENTRY(kNothing, "betrayed", Nothing);

class SandboxAttackTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (!bulkhead_test::MayHaveSandboxes()) return;
    bh_options options = {};
    options.kind = BH_KIND_SANDBOX;
    ASSERT_EQ(bh_create("box", &options, &handle), BH_OK);
    ASSERT_EQ(bh_shared(&shared), BH_OK);
  }
  void TearDown() override {
    if (handle.id != 0) {
      EXPECT_EQ(bh_destroy(handle), BH_OK);
    }
  }
  Compartment box() const { return Compartment(handle); }
  std::array<uint64_t, 8> ArgumentsFor(const bh_gate& gate,
                                       uint64_t first) const {
    return {handle.id | uint64_t{handle.generation} << 32,
            reinterpret_cast<uint64_t>(&gate),
            first,
            0,
            0,
            0,
            0,
            0};
  }

  bh_compartment handle = {};
  bh_compartment shared = {};
};

TEST_F(SandboxAttackTest, NoRegisterBringsAnythingIn) {
  RETURN_WITHOUT_SANDBOXES();
  constexpr size_t kWords = 6 + 32;
  auto* seen =
      static_cast<uint64_t*>(bh_malloc(shared, kWords * sizeof(uint64_t)));
  memset(seen, 0xff, kWords * sizeof(uint64_t));
  const auto arguments =
      ArgumentsFor(kStoreRegisters, reinterpret_cast<uint64_t>(seen));
  uint64_t after[8];
  EXPECT_EQ(CallKeeping(reinterpret_cast<const void*>(&bh_call),
                        arguments.data(), after),
            1u);
  for (size_t i = 0; i < kWords; ++i) EXPECT_EQ(seen[i], 0u) << i;
  free(seen);
}

TEST_F(SandboxAttackTest, WhatIsLeftInRegistersStaysInside) {
  RETURN_WITHOUT_SANDBOXES();
  const auto arguments = ArgumentsFor(kSpoilRegisters, 0);
  uint64_t after[8];
  uint64_t untouched[8];
  const auto nothing = +[] { return uint64_t{1}; };
  EXPECT_EQ(CallKeeping(reinterpret_cast<const void*>(nothing),
                        arguments.data(), untouched),
            1u);
  EXPECT_EQ(CallKeeping(reinterpret_cast<const void*>(&bh_call),
                        arguments.data(), after),
            1u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(after[i], 101 + i) << i;
  EXPECT_EQ(after[6], untouched[6]) << "MXCSR";
  EXPECT_EQ(after[7], untouched[7]) << "x87 control and tag words, direction";
}

// Makes libc and Bulkhead believe that it is another thread, or none;
// allocates, and so asks who it is; and then reads what only the root may.
void SpoilTls(uint64_t block, const volatile uint64_t* of_the_root) {
  __asm__ volatile("mov %0, %%fs:0" : : "r"(block));
  void* volatile asked = malloc(3000);
  free(asked);
  if (*of_the_root != 0) _exit(kOut);
}
BULKHEAD_ENTRY(kSpoilTls, "box", SpoilTls);

TEST_F(SandboxAttackTest, SpoiltTlsIsTheEnd) {
  RETURN_WITHOUT_SANDBOXES();
  auto* root = new uint64_t(1);
  uint64_t control;
  __asm__("mov %%fs:0, %0" : "=r"(control));
  for (const uint64_t block : {uint64_t{0}, control, uint64_t{1}}) {
    const ChildResult child =
        RunInChild([&] { (void)box().Call(kSpoilTls, block, root); });
    EXPECT_TRUE(!child.exited) << child.code << child.errors;
    // With 0 the shortest way through malloc() takes it for its own, and finds
    // no cache.
    EXPECT_EQ(
        child.errors.find("does not find its record") == std::string::npos,
        block == 0)
        << block << child.errors;
  }
  delete root;
}

// Writes over its threads' stacks, where a gate's frame would be.
void SpoilStack(uint64_t from, uint64_t to) {
  for (auto* word = reinterpret_cast<volatile uint64_t*>(from);
       reinterpret_cast<uint64_t>(word) < to; ++word) {
    *word = 0x4141414141414141;
  }
}
BULKHEAD_ENTRY(kSpoilStack, "box", SpoilStack);

uint64_t StackAddress() {
  return reinterpret_cast<uint64_t>(__builtin_frame_address(0));
}
BULKHEAD_ENTRY(kStackAddress, "box", StackAddress);

// Waits on its stack until a word that all may write says so.
uint64_t WaitFor(volatile uint64_t* word, uint64_t value) {
  word[1] = 1;
  while (*word != value) {
  }
  return value;
}
BULKHEAD_ENTRY(kWaitFor, "box", WaitFor);

TEST_F(SandboxAttackTest, TheWayBackIsNotOnItsStack) {
  RETURN_WITHOUT_SANDBOXES();
  auto* words = static_cast<volatile uint64_t*>(bh_malloc(shared, 64));
  words[0] = 0;
  words[1] = 0;
  std::atomic<uint64_t> top{0};
  std::thread victim([&] {
    top = *box().Call(kStackAddress);
    EXPECT_EQ(*box().Call(kWaitFor, words, uint64_t{1}), 1u);
  });
  while (top == 0 || words[1] == 0) std::this_thread::yield();
  // All between the frames of what was called and its TLS: where a gate into a
  // vault keeps its caller's stack pointer.
  const uint64_t begin = (top | 63) + 1;
  EXPECT_TRUE(box().Call(kSpoilStack, begin, begin + 64).ok());
  words[0] = 1;
  victim.join();
  free(const_cast<uint64_t*>(words));
}

thread_local int handled_here = 0;
std::atomic<int> handled{0};
std::atomic<int> odd{0};

// What the monitor answers to a call that is not for sandboxes; 0 for one that
// is.
uint64_t AskTheMonitor(uint64_t number) {
  return bulkhead::CallMonitor(*bulkhead::CurrentRecord(),
                               static_cast<bulkhead::MonitorCall>(number),
                               bh_current().id, 0)
      .status;
}
BULKHEAD_ENTRY(kAskTheMonitor, "box", AskTheMonitor);

TEST_F(SandboxAttackTest, TheMonitorServesASandboxOnlyItsOwn) {
  RETURN_WITHOUT_SANDBOXES();
  using bulkhead::MonitorCall;
  for (const MonitorCall call :
       {MonitorCall::kServeLibc, MonitorCall::kPushFrame,
        MonitorCall::kOpenGates, MonitorCall::kCreate, MonitorCall::kDestroy,
        MonitorCall::kBeginScope, MonitorCall::kGrant, MonitorCall::kAllow,
        MonitorCall::kCloseRoot, MonitorCall::kSetAction,
        MonitorCall::kSetHandlerStack, MonitorCall::kBeforeFork,
        MonitorCall::kPurge}) {
    EXPECT_EQ(*box().Call(kAskTheMonitor, static_cast<uint64_t>(call)),
              uint64_t{BH_ERR_DENIED})
        << static_cast<uint64_t>(call);
  }
}

// What a vault's entry may do that an attacker would like to have done.
uint64_t Betray() { _exit(kOut); }
BULKHEAD_ENTRY(kBetray, "betrayed", Betray);

// Jumps to where the gate opens a key, past what it asked before.
void JumpIntoTheGate(uint64_t place, uint64_t handle, uint64_t entry,
                     uint64_t open_mask) {
  const uint64_t rights = bulkhead::Bits(bulkhead::ReadPkru()) & open_mask;
  const uint64_t top =
      reinterpret_cast<uint64_t>(__builtin_frame_address(0)) - 4096;
  //                               rax rbx rcx rdx rsi    rdi
  const uint64_t registers[16] = {rights, 0, 0, 0, entry, handle,
                                  // rbp r8 r9 r10 r11 r12 r13 r14 r15 rsp
                                  0, 0, 0, 0, 0, 0, 0, 0, 0, top & ~63ul};
  JumpWithRegisters(registers, reinterpret_cast<const void*>(place));
}
BULKHEAD_ENTRY(kJumpIntoTheGate, "box", JumpIntoTheGate);

TEST_F(SandboxAttackTest, AJumpIntoAVaultsGateEntersNoVault) {
  RETURN_WITHOUT_SANDBOXES();
  bh_compartment vault;
  ASSERT_EQ(bh_create("betrayed", nullptr, &vault), BH_OK);
  const auto& row = bulkhead_compartments[vault.id];
  const uint64_t entry =
      reinterpret_cast<uint64_t>(kBetray.declaration()) + row.gate_delta;
  constexpr unsigned char kWrpkru[] = {0x0f, 0x01, 0xef};
  int places = 0;
  for (const unsigned char* at = bulkhead_gates_begin;
       at + sizeof(kWrpkru) < bulkhead_gates_end; ++at) {
    if (memcmp(at, kWrpkru, sizeof(kWrpkru)) != 0) continue;
    ++places;
    const ChildResult child = RunInChild([&] {
      // The thread has a stack there.
      if (bh_call(vault, kNothing.declaration(), 0, 0, 0, 0, 0, 0).status !=
          0) {
        _exit(1);
      }
      (void)box().Call(kJumpIntoTheGate, reinterpret_cast<uint64_t>(at),
                       bulkhead::AsNumber(vault), entry,
                       uint64_t{row.open_mask});
    });
    EXPECT_FALSE(child.exited) << child.code << child.errors;
  }
  EXPECT_GE(places, 3);
  EXPECT_EQ(bh_destroy(vault), BH_OK);
}

// Before the first sandbox of the process.
TEST(SandboxSignals, HandlersFromBeforeRunOnTheirThreadsStacks) {
  if (!bulkhead_test::MayHaveSandboxes()) return;
  const ChildResult child = RunInChild([] {
    signal(SIGUSR1, [](int) { _exit(bh_current().id == 0 ? 0 : 1); });
    bh_options options = {};
    options.kind = BH_KIND_SANDBOX;
    bh_compartment made;
    if (bh_create("box", &options, &made) != BH_OK) _exit(2);
    (void)Compartment(made).Call(kRaise);
    _exit(3);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

// What a handler does in a real program: it allocates, it has its thread's
// variables, and it keeps errno.
void Handle(int) {
  const int before = errno;
  void* block = malloc(100);
  if (bh_owner(block).id != 0 || bh_current().id != 0) ++odd;
  free(block);
  ++handled_here;
  ++handled;
  errno = before;
}

// Allocates inside; what it computes tells of every step.
uint64_t Work(uint64_t rounds) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    auto* block = static_cast<uint64_t*>(malloc(16 + 8 * (i % 100)));
    *block = i;
    errno = static_cast<int>(i % 100);
    sum += *block + static_cast<uint64_t>(errno);
    free(block);
  }
  return sum;
}
BULKHEAD_ENTRY(kWork, "box", Work);

// Of the unwinder that the program has: `stop` is asked before each frame, in
// the domain of the frame.
struct ForOutside {
  _Unwind_Exception exception;
  std::atomic<bool> is_outside;
};

_Unwind_Reason_Code SeeWhere(int, _Unwind_Action, _Unwind_Exception_Class,
                             _Unwind_Exception*, _Unwind_Context*, void* raw) {
  if (bh_current().id == 0) static_cast<ForOutside*>(raw)->is_outside = true;
  return _URC_NO_REASON;
}

void UnwindCaller(ForOutside* for_outside) {
  _Unwind_ForcedUnwind(&for_outside->exception, SeeWhere, for_outside);
}
BULKHEAD_ENTRY(kUnwindCaller, "box", UnwindCaller);

// What it goes on with lies in memory that both read, and is a function's
// address. It runs in the sandbox, and nowhere else.
TEST_F(SandboxAttackTest, UnwindsNothingOutside) {
  RETURN_WITHOUT_SANDBOXES();
  // Has the unwinder make what it makes the first time.
  EXPECT_THROW(throw 0, int);
  auto* const for_outside = static_cast<ForOutside*>(
      bh_aligned_alloc(shared, alignof(ForOutside), sizeof(ForOutside)));
  ASSERT_NE(for_outside, nullptr);
  memset(static_cast<void*>(for_outside), 0, sizeof(*for_outside));
  const absl::Status status = box().Call(kUnwindCaller, for_outside);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_FALSE(for_outside->is_outside);
  free(for_outside);
}

TEST_F(SandboxAttackTest, SignalsFindNoDifference) {
  RETURN_WITHOUT_SANDBOXES();
  const Watchdog watchdog;
  const uint64_t expected = Work(1000);
  for (const int flags : {0, int{SA_ONSTACK}, int{SA_RESTART | SA_SIGINFO}}) {
    handled_here = 0;
    handled = 0;
    const Action action(SIGUSR1, Handle, flags);
    const ThreadTimer timer(SIGUSR1);
    timer.Every(200000);
    errno = 33;
    const int least = Scaled(1000, 50);
    while (handled < least) {
      ASSERT_EQ(*box().Call(kWork, uint64_t{1000}), expected);
      ASSERT_EQ(bh_current().id, 0u);
    }
    EXPECT_EQ(errno, 33);
    EXPECT_GE(handled_here, least);
    EXPECT_EQ(odd, 0);
  }
}

}  // namespace
