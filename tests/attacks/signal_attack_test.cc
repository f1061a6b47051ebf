// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Signal handlers that go on in rights that are not theirs: of the monitor that
// they interrupted, or of a vault.

#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/monitor.h"
#include "isolation/domain/reservation.h"
#include "isolation/gate/domain_gate.h"
#include "isolation/thread/call_monitor.h"
#include "tests/sandboxes/means.h"
#include "tests/support/child.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::MayHaveSandboxes;
using bulkhead_test::RunInChild;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

constexpr int kAttackerRuns = 77;

// Where an attacker would go on. On any stack, in any rights.
__attribute__((noinline)) void GoOn() {
  for (;;) {
    __asm__ volatile("syscall"
                     :
                     : "a"(SYS_exit_group), "D"(kAttackerRuns)
                     : "rcx", "r11", "memory");
  }
}

std::atomic<int> handled{0};

// Sends the thread on from where the monitor was interrupted.
void Divert(int, siginfo_t*, void* raw_context) {
  auto& registers = static_cast<ucontext_t*>(raw_context)->uc_mcontext.gregs;
  const auto stack = static_cast<uintptr_t>(registers[REG_RSP]);
  const PageRange frames = reservation.frames();
  if (stack - frames.begin < frames.bytes) {
    registers[REG_RIP] = reinterpret_cast<greg_t>(&GoOn);
  }
  ++handled;
}

void InstallOnAStackOfItsOwn(void (*handler)(int, siginfo_t*, void*)) {
  static char memory[65536];
  stack_t stack = {};
  stack.ss_sp = memory;
  stack.ss_size = sizeof(memory);
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaltstack(&stack, nullptr) != 0 ||
      sigaction(SIGUSR1, &action, nullptr) != 0) {
    _exit(2);
  }
}

// Asks the monitor for something that takes it long.
void StayInTheMonitor(ThreadRecord& record, const char* nowhere) {
  CallMonitor(record, MonitorCall::kInspect,
              reinterpret_cast<uintptr_t>(nowhere));
}

TEST(SignalAttackTest, NoHandlerSeesTheMonitor) {
  // Far behind every block of the root's heap.
  const char* const nowhere =
      reinterpret_cast<char*>(reservation.begin() + reservation.bytes() / 2);
  const ChildResult child = RunInChild([nowhere] {
    alarm(60);
    InstallOnAStackOfItsOwn(Divert);
    ThreadRecord& record = *CurrentRecord();
    const int process = getpid();
    const int target = gettid();
    // Signals that came while the thread was in the monitor.
    std::atomic<int> put_off{0};
    std::thread sender([&] {
      while (put_off < 20) {
        const int before = handled;
        while (__atomic_load_n(&record.busy, __ATOMIC_RELAXED) == 0) {
        }
        syscall(SYS_tgkill, process, target, SIGUSR1);
        while (handled == before) {
          if (__atomic_load_n(&record.pending_signal, __ATOMIC_RELAXED) != 0) {
            ++put_off;
            while (handled == before) sched_yield();
          }
        }
      }
    });
    while (put_off < 20) StayInTheMonitor(record, nowhere);
    sender.join();
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

uint32_t OwnedRights() { return Bits(ReadPkru()) & bulkhead_owned_pkru; }

// What a handler's rights are, as the exit status.
void ExitByRights(int, siginfo_t*, void*) {
  _exit(OwnedRights() == bulkhead_root_pkru ? 0 : kAttackerRuns);
}

// Whether the signal leaves the domain as it was.
bool Raise() {
  const uint32_t before = bh_current().id;
  void* const block = malloc(100);
  raise(SIGUSR1);
  free(block);
  return before != 0 && bh_current().id == before;
}
BULKHEAD_ENTRY(kRaise, "vault", Raise);
BULKHEAD_ENTRY(kRaiseInAnother, "other", Raise);

TEST(SignalAttackTest, AHandlerHasNoRightsOfTheVaultThatItInterrupts) {
  if (!HasKeys()) return;
  auto vault = Compartment::Create("vault");
  ASSERT_TRUE(vault.ok()) << vault.status();
  const ChildResult child = RunInChild([&vault] {
    InstallOnAStackOfItsOwn(ExitByRights);
    vault->Call(kRaise).IgnoreError();
    _exit(1);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
}

Compartment other{bh_compartment{0, 0}};
bool CallTheOther() {
  const uint32_t before = bh_current().id;
  const auto well = other.Call(kRaiseInAnother);
  return well.ok() && *well && bh_current().id == before;
}
BULKHEAD_ENTRY(kCallTheOther, "vault", CallTheOther);

TEST(SignalAttackTest, NorOfOneThatCalledThatOne) {
  if (!HasKeys()) return;
  auto vault = Compartment::Create("vault");
  auto made = Compartment::Create("other");
  ASSERT_TRUE(vault.ok() && made.ok());
  other = *made;
  const ChildResult child = RunInChild([&vault] {
    InstallOnAStackOfItsOwn(ExitByRights);
    vault->Call(kCallTheOther).IgnoreError();
    _exit(1);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  // A handler that returns, and works meanwhile.
  handled = 0;
  InstallOnAStackOfItsOwn([](int, siginfo_t*, void*) {
    void* const block = malloc(100);
    if (bh_owner(block).id == 0 && bh_current().id == 0) ++handled;
    free(block);
  });
  EXPECT_TRUE(vault->Call(kCallTheOther).value());
  EXPECT_TRUE(vault->Call(kRaise).value());
  EXPECT_EQ(handled, 2);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
  EXPECT_EQ(other.Destroy(), absl::OkStatus());
}

// Where the kernel put the frame of the signal that was last delivered on the
// thread's kernel stack (arch/x86/kernel/signal.c, get_sigframe()).
uintptr_t LastFrame() {
  uint32_t a, area_bytes, c, d;
  if (__get_cpuid_count(0xd, 0, &a, &area_bytes, &c, &d) == 0) abort();
  const uintptr_t top = CurrentRecord()->kernel_stack + BH_KERNEL_STACK_BYTES;
  const uintptr_t area = RoundDown(top - area_bytes - sizeof(uint32_t), 64);
  return RoundDown(
             area - BH_FRAME_CONTEXT - BH_CONTEXT_BYTES - BH_SIGINFO_BYTES,
             16) -
         BH_FRAME_CONTEXT;
}

void Count(int, siginfo_t*, void*) {
  if (++handled > 1) _exit(kAttackerRuns);
}

// A jump to where the kernel starts handlers, with what it wrote for another.
TEST(SignalAttackTest, NoFrameIsTakenTwice) {
  if (!MayHaveSandboxes()) return;
  auto vault = Compartment::Create("vault");
  ASSERT_TRUE(vault.ok()) << vault.status();
  const ChildResult child = RunInChild([&vault] {
    handled = 0;
    InstallOnAStackOfItsOwn(Count);
    if (!vault->Call(kRaise).value_or(false) || handled != 1) _exit(1);
    const uintptr_t context = LastFrame() + BH_FRAME_CONTEXT;
    reinterpret_cast<void (*)(int, uintptr_t, uintptr_t)>(
        bulkhead_signal_entry_pku)(SIGUSR1, context + BH_CONTEXT_BYTES,
                                   context);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_NE(child.errors.find("a signal's frame was taken before"),
            std::string::npos)
      << child.errors;
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
}

bool InstallHandler() {
  return signal(SIGUSR2, [](int) { ++handled; }) != SIG_ERR;
}
BULKHEAD_ENTRY(kInstallInVault, "vault", InstallHandler);

// The number of a signal in place of a gate is for who installed its handler.
TEST(SignalAttackTest, NoVaultRunsAnothersHandler) {
  if (!HasKeys()) return;
  auto vault = Compartment::Create("vault");
  auto another = Compartment::Create("other");
  ASSERT_TRUE(vault.ok() && another.ok());
  ASSERT_TRUE(vault->Call(kInstallInVault).value_or(false));
  const uint64_t arguments[6] = {SIGUSR2};
  const auto* const gate = reinterpret_cast<const bh_gate*>(SIGUSR2);
  handled = 0;
  EXPECT_EQ(CallVault(another->handle(), gate, arguments).status,
            uint64_t{BH_ERR_ENTRY});
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(CallVault(vault->handle(), gate, arguments).status,
            uint64_t{BH_OK});
  EXPECT_EQ(handled, 1);
  signal(SIGUSR2, SIG_DFL);
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
  EXPECT_EQ(another->Destroy(), absl::OkStatus());
}

}  // namespace
}  // namespace bulkhead
