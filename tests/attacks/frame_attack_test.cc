// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Frames of signals, overwritten while the handler runs: by the handler itself,
// and by another thread. What they say of rights is nobody's word.

#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <ostream>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/cpu.h"
#include "isolation/arch/gate.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"
#include "tests/signals/signals.h"
#include "tests/support/child.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

constexpr uint64_t kPkruFeature = uint64_t{1} << 9;

// Where struct _fpx_sw_bytes and the header stand in the XSAVE area.
constexpr size_t kMagic = 464;
constexpr size_t kFeatures = kMagic + 8;
constexpr size_t kSize = kMagic + 16;
constexpr size_t kInUse = 512;

template <typename Word>
Word& At(ucontext_t& context, size_t offset) {
  auto* area = reinterpret_cast<char*>(context.uc_mcontext.fpregs);
  return *reinterpret_cast<Word*>(area + offset);
}

size_t PlaceOfPkru() {
  uint32_t size, offset, c, d;
  if (__get_cpuid_count(0xd, 9, &size, &offset, &c, &d) == 0) abort();
  return offset;
}

struct Edit {
  const char* name;
  void (*make)(ucontext_t& context);
  bool ends_the_process;
};

void PrintTo(const Edit& made, std::ostream* out) { *out << made.name; }

constexpr Edit kEdits[] = {
    {"Pkru",
     [](ucontext_t& context) { At<uint32_t>(context, PlaceOfPkru()) = 0; },
     false},
    {"PkruAsAfterReset",
     [](ucontext_t& context) {
       At<uint64_t>(context, kInUse) &= ~kPkruFeature;
     },
     false},
    {"NoExtendedState",
     [](ucontext_t& context) { At<uint32_t>(context, kMagic) = 0; }, true},
    {"NoPlaceForPkru",
     [](ucontext_t& context) {
       At<uint64_t>(context, kFeatures) &= ~kPkruFeature;
     },
     true},
    {"MoreThanTheKernelKnows",
     [](ucontext_t& context) { At<uint32_t>(context, kSize) += 64; }, true},
    {"LessThanTheKernelKnows",
     [](ucontext_t& context) { At<uint32_t>(context, kSize) = 576; }, true},
    {"NoEnd",
     [](ucontext_t& context) {
       At<uint32_t>(context, At<uint32_t>(context, kSize)) = 0;
     },
     true},
    {"NoRegistersButTheGeneral",
     [](ucontext_t& context) { context.uc_mcontext.fpregs = nullptr; }, true},
    {"RegistersInMetadata",
     [](ucontext_t& context) {
       context.uc_mcontext.fpregs =
           reinterpret_cast<fpregset_t>(reservation.metadata().begin);
     },
     true},
    {"AlternateStackInMetadata",
     [](ucontext_t& context) {
       context.uc_stack.ss_sp = reinterpret_cast<void*>(RecordAtGs());
       context.uc_stack.ss_size = sizeof(ThreadRecord);
       context.uc_stack.ss_flags = 0;
     },
     true},
};

std::atomic<const Edit*> edit{nullptr};
std::atomic<ucontext_t*> frame{nullptr};
std::atomic<bool> is_by_another{false};

void Handle(int, siginfo_t*, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  if (!is_by_another) {
    edit.load()->make(context);
    return;
  }
  frame = &context;
  while (frame != nullptr) sched_yield();
}

void Attack() {
  while (frame == nullptr) sched_yield();
  edit.load()->make(*frame.load());
  frame = nullptr;
}

void Install(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaction(signal, &action, nullptr) != 0) _exit(2);
}

const Compartment& Vault() {
  static const Compartment vault = Compartment::Create("vault").value();
  return vault;
}

class FrameAttackTest : public testing::TestWithParam<std::tuple<Edit, bool>> {
 protected:
  void SetUp() override {
    if (!HasKeys()) GTEST_SKIP() << "without keys frames say nothing of rights";
    Vault();
  }
};

TEST_P(FrameAttackTest, ChangesNoRights) {
  edit = &std::get<0>(GetParam());
  is_by_another = std::get<1>(GetParam());
  const ChildResult child = RunInChild([] {
    std::thread attacker;
    if (is_by_another) attacker = std::thread(Attack);
    Install(SIGUSR1, Handle);
    raise(SIGUSR1);
    if (attacker.joinable()) attacker.join();
    _exit((Bits(ReadPkru()) & bulkhead_owned_pkru) == bulkhead_root_pkru ? 7
                                                                         : 1);
  });
  if (std::get<0>(GetParam()).ends_the_process) {
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
    EXPECT_NE(child.errors.find("a signal frame"), std::string::npos)
        << child.errors;
  } else {
    EXPECT_TRUE(child.ExitedWith(7)) << child.code << child.errors;
  }
}

INSTANTIATE_TEST_SUITE_P(Edits, FrameAttackTest,
                         testing::Combine(testing::ValuesIn(kEdits),
                                          testing::Bool()),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).name) +
                                  (std::get<1>(each.param) ? "ByAnotherThread"
                                                           : "ByTheHandler");
                         });

constexpr uint64_t kBefore = 0x1111;
constexpr uint64_t kAfter = 0x2222;

// What the thread's r12 is after a signal to itself.
uint64_t RaiseAndReadRegister() { return RaiseWith(SIGUSR2, kBefore).general; }
BULKHEAD_ENTRY(kRaise, "vault", RaiseAndReadRegister);

void ChangeRegisterAndMask(int, siginfo_t*, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  context.uc_mcontext.gregs[REG_R12] = kAfter;
  sigaddset(&context.uc_sigmask, SIGWINCH);
}

// A handler may still send on what it interrupted.
TEST(FrameTest, WhatElseTheHandlerChangesIsDone) {
  Vault();
  Install(SIGUSR2, ChangeRegisterAndMask);
  EXPECT_EQ(RaiseAndReadRegister(), kAfter);
  sigset_t mask;
  EXPECT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &mask), 0);
  EXPECT_EQ(sigismember(&mask, SIGWINCH), 1);
}

uint64_t RaiseInAnother() { return RaiseAndReadRegister(); }
BULKHEAD_ENTRY(kRaiseInAnother, "another", RaiseInAnother);

// A handler that interrupts a vault, calls another, and is interrupted there.
int depth = 0;
const Compartment* another = nullptr;

void CallAnother(int, siginfo_t*, void*) {
  if (++depth > 1) return;
  if (another->Call(kRaiseInAnother).value() != kBefore) _exit(3);
}

TEST(FrameTest, EachReturnsToItsOwn) {
  const auto other = Compartment::Create("another");
  ASSERT_TRUE(other.ok()) << other.status();
  another = &*other;
  struct sigaction action = {};
  action.sa_sigaction = CallAnother;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  ASSERT_EQ(sigaction(SIGUSR2, &action, nullptr), 0);
  for (int i = 0; i < 100; ++i) {
    depth = 0;
    ASSERT_EQ(Vault().Call(kRaise).value(), kBefore);
    EXPECT_EQ(depth, 2);
  }
}

}  // namespace
}  // namespace bulkhead
