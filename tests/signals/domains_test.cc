// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a handler sees of a domain that is not the root's, and what it can do to
// it: nothing, where the kernel writes frames to where the thread cannot.

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"
#include "tests/signals/signals.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"
#include "tests/support/stepped_child.h"

namespace bulkhead {
namespace {

using bulkhead_test::BeginSteps;
using bulkhead_test::ChildResult;
using bulkhead_test::Code;
using bulkhead_test::MayHaveSandboxes;
using bulkhead_test::RunInChild;
using bulkhead_test::RunStepped;
using bulkhead_test::SteppedResult;
using bulkhead_test::Watchdog;

// Half of it is nowhere in memory but where a test has put it.
constexpr uint64_t kSecret = 0x5ec2e75ec2e75ec2;
constexpr uint64_t kOther = 0x1111;

// Whether both are as they were.
bool KeepsSecret() {
  const Registers after = RaiseWith(SIGUSR1, kSecret);
  return after.general == kSecret && after.vector == kSecret;
}
BULKHEAD_ENTRY(kKeepInVault, "vault", KeepsSecret);
BULKHEAD_ENTRY(kKeepInSandbox, "sandbox", KeepsSecret);

// How often the secret stands in what a handler is given, and above its frame.
int CountSecrets(const void* begin, size_t bytes) {
  int found = 0;
  const auto* const from = static_cast<const unsigned char*>(begin);
  for (size_t i = 0; i + sizeof(kSecret) <= bytes; ++i) {
    found += memcmp(from + i, &kSecret, sizeof(kSecret)) == 0 ? 1 : 0;
  }
  return found;
}

volatile int handled = 0;
volatile int secrets_seen = 0;

// From this frame to the end of what the kernel, or the monitor, wrote: the
// extended registers stand last.
void LookForSecrets(int, siginfo_t*, void* raw_context) {
  const auto& context = *static_cast<ucontext_t*>(raw_context);
  const char* const here = static_cast<char*>(__builtin_frame_address(0));
  const auto* const area =
      reinterpret_cast<const char*>(context.uc_mcontext.fpregs);
  uint32_t area_bytes;
  memcpy(&area_bytes, area + 464 + 16, sizeof(area_bytes));
  secrets_seen = secrets_seen +
                 CountSecrets(here, static_cast<size_t>(area - here)) +
                 CountSecrets(area, area_bytes);
  ++handled;
}

// Everything that a handler can.
void ChangeEverything(int, siginfo_t*, void* raw_context) {
  auto& context = *static_cast<ucontext_t*>(raw_context);
  for (greg_t& each : context.uc_mcontext.gregs) each = 4711;
  memset(reinterpret_cast<char*>(context.uc_mcontext.fpregs), 0x47, 464);
  context.uc_mcontext.fpregs = nullptr;
  ++handled;
}

void Install(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGUSR1, &action, nullptr) != 0) abort();
}

class HandlerOfAnotherDomain : public testing::Test {
 protected:
  void SetUp() override {
    handled = secrets_seen = 0;
    auto made = Compartment::Create("vault");
    ASSERT_TRUE(made.ok()) << made.status();
    vault_ = *made;
    if (!MayHaveSandboxes()) return;
    bh_options options = {};
    options.kind = BH_KIND_SANDBOX;
    made = Compartment::Create("sandbox", options);
    ASSERT_TRUE(made.ok()) << made.status();
    sandbox_ = *made;
  }
  void TearDown() override {
    signal(SIGUSR1, SIG_DFL);
    EXPECT_EQ(vault_.Destroy(), absl::OkStatus());
    if (!MayHaveSandboxes()) return;
    EXPECT_EQ(sandbox_.Destroy(), absl::OkStatus());
  }

  Compartment vault_{bh_compartment{0, 0}};
  Compartment sandbox_{bh_compartment{0, 0}};
};

// The root's own registers are there: the test looks in the right place.
TEST_F(HandlerOfAnotherDomain, SeesTheRootsRegisters) {
  Install(LookForSecrets);
  EXPECT_TRUE(KeepsSecret());
  EXPECT_EQ(handled, 1);
  EXPECT_GE(secrets_seen, 2);
}

TEST_F(HandlerOfAnotherDomain, SeesNoRegisterOfAVault) {
  Install(LookForSecrets);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(vault_.Call(kKeepInVault).value_or(false));
  }
  EXPECT_EQ(handled, 100);
  // The limit that it is elsewhere: LimitsTest.HandlersSeeAVaultsRegisters.
  EXPECT_EQ(secrets_seen == 0, MayHaveSandboxes());
}

TEST_F(HandlerOfAnotherDomain, NorOfASandbox) {
  if (!MayHaveSandboxes()) return;
  Install(LookForSecrets);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(sandbox_.Call(kKeepInSandbox).value_or(false));
  }
  EXPECT_EQ(handled, 100);
  EXPECT_EQ(secrets_seen, 0);
}

TEST_F(HandlerOfAnotherDomain, ChangesNoneOfThem) {
  if (!MayHaveSandboxes()) return;
  Install(ChangeEverything);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(vault_.Call(kKeepInVault).value_or(false));
    ASSERT_TRUE(sandbox_.Call(kKeepInSandbox).value_or(false));
  }
  EXPECT_EQ(handled, 200);
}

// The same with the program's own alternate stack, which the kernel is no
// longer told of.
TEST_F(HandlerOfAnotherDomain, NorOnTheProgramsStack) {
  if (!MayHaveSandboxes()) return;
  // From the thread's first call on.
  Install(ChangeEverything);
  ASSERT_TRUE(vault_.Call(kKeepInVault).value_or(false));
  handled = 0;
  const AlternateStack stack;
  for (const auto handler : {LookForSecrets, ChangeEverything}) {
    const Action action(SIGUSR1, handler, SA_ONSTACK);
    ASSERT_TRUE(vault_.Call(kKeepInVault).value_or(false));
    ASSERT_TRUE(sandbox_.Call(kKeepInSandbox).value_or(false));
  }
  EXPECT_EQ(handled, 4);
  EXPECT_EQ(secrets_seen, 0);
  // Nor does the kernel write any there, for other threads to read.
  stack_t kernels = {};
  ASSERT_EQ(syscall(SYS_sigaltstack, nullptr, &kernels), 0);
  EXPECT_FALSE(stack.Holds(kernels.ss_sp));
}

// A vault leaves secrets in registers, which the gate clears once it has left
// its rights. A signal between any two instructions there finds nothing.
uint64_t LeaveSecrets() {
  BeginSteps();
  __asm__ volatile(
      "mov %0, %%r10\n\t"
      "movq %0, %%xmm9"
      :
      : "r"(kSecret)
      : "r10", "xmm9");
  return kOther;
}
BULKHEAD_ENTRY(kLeaveSecrets, "vault", LeaveSecrets);

constexpr Code kEnd = 0x5ec2e7;
// What the steps end at.
void End() { __asm__ volatile("test $0x5ec2e7, %%eax" : : : "cc"); }
bool IsTheEnd(Code code) {
  return (code & 0xff) == 0xa9 && (code >> 8 & 0xffffffff) == kEnd;
}

TEST(HandlerOfAGate, FindsNothingOnTheWay) {
  if (!MayHaveSandboxes()) return;
  const Watchdog watchdog;
  const SteppedResult stepped = RunStepped(
      SIGUSR1,
      [] {
        auto vault = Compartment::Create("vault");
        Install(LookForSecrets);
        if (!vault.ok()) _exit(1);
        const auto left = vault->Call(kLeaveSecrets);
        End();
        if (!left.ok() || *left != kOther) _exit(2);
        _exit(secrets_seen == 0 && handled > 0 ? 0 : 3);
      },
      IsTheEnd);
  EXPECT_TRUE(stepped.exited);
  EXPECT_EQ(stepped.code, 0);
  EXPECT_TRUE(stepped.reached_the_last);
  EXPECT_GT(stepped.steps, 20);
}

// A fault is told of by where the code is; its registers are not.
void Fault() {
  __asm__ volatile(
      "mov %0, %%r12\n\t"
      "movb $0, (%1)"
      :
      : "r"(kSecret), "r"(static_cast<char*>(nullptr) + 64)
      : "r12", "memory");
}
BULKHEAD_ENTRY(kFault, "vault", Fault);

void ExitByWhatIsSeen(int, siginfo_t* info, void* raw_context) {
  LookForSecrets(0, info, raw_context);
  const auto& registers =
      static_cast<ucontext_t*>(raw_context)->uc_mcontext.gregs;
  const bool is_told = registers[REG_RIP] != 0 && registers[REG_TRAPNO] == 14 &&
                       info->si_addr == static_cast<char*>(nullptr) + 64;
  _exit(is_told && secrets_seen == 0 ? 7 : 1);
}

TEST_F(HandlerOfAnotherDomain, IsToldOfAFault) {
  if (!MayHaveSandboxes()) return;
  const ChildResult child = RunInChild([this] {
    struct sigaction action = {};
    action.sa_sigaction = ExitByWhatIsSeen;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    vault_.Call(kFault).IgnoreError();
  });
  EXPECT_TRUE(child.ExitedWith(7)) << child.code << child.errors;
}

// A handler may call into the vault that it interrupted: beneath what that has
// on its stack.
void Scribble() {
  char frame[8192];
  memset(frame, 1, sizeof(frame));
  __asm__ volatile("" : : "r"(frame) : "memory");
}
BULKHEAD_ENTRY(kScribble, "vault", Scribble);

// How much of its own frame the handler of a signal has changed.
size_t RaiseAndCount() {
  char frame[4096];
  memset(frame, 0, sizeof(frame));
  __asm__ volatile("" : : "r"(frame) : "memory");
  raise(SIGUSR1);
  __asm__ volatile("" : : "r"(frame) : "memory");
  size_t changed = 0;
  for (const char byte : frame) changed += byte != 0;
  return changed;
}
BULKHEAD_ENTRY(kRaiseAndCount, "vault", RaiseAndCount);

const Compartment* interrupted;

TEST_F(HandlerOfAnotherDomain, CallsBackIntoAVault) {
  if (!MayHaveSandboxes()) return;
  interrupted = &vault_;
  Install([](int, siginfo_t*, void*) {
    if (!interrupted->Call(kScribble).ok()) abort();
    ++handled;
  });
  for (int i = 0; i < 100; ++i) {
    const auto changed = vault_.Call(kRaiseAndCount);
    ASSERT_TRUE(changed.ok()) << changed.status();
    ASSERT_EQ(*changed, 0u);
  }
  EXPECT_EQ(handled, 100);
}

sigjmp_buf out;
void JumpOut(int, siginfo_t*, void*) { siglongjmp(out, 1); }

TEST_F(HandlerOfAnotherDomain, JumpsOutAgainAndAgain) {
  const Action action(SIGUSR1, JumpOut, SA_NODEFER);
  for (volatile int i = 0; i < 100; i = i + 1) {
    if (sigsetjmp(out, 1) == 0) {
      vault_.Call(kKeepInVault).IgnoreError();
      FAIL() << "no jump";
    }
    void* const block = malloc(100);
    ASSERT_NE(block, nullptr);
    free(block);
  }
  Install(LookForSecrets);
  EXPECT_TRUE(vault_.Call(kKeepInVault).value_or(false));
}

// A handler that a vault installs runs in the vault's domain, whoever is
// interrupted, and goes back to whoever that is.
volatile int* own_number;
volatile int number_seen = 0;
volatile uint32_t domain_of_handler = 0;

void ReadOwn(int signal) {
  number_seen = *own_number + signal;
  domain_of_handler = bh_current().id;
  free(malloc(100));
  ++handled;
}

bool InstallInside() {
  own_number = static_cast<int*>(malloc(sizeof(int)));
  *own_number = 1000;
  return signal(SIGUSR1, ReadOwn) != SIG_ERR;
}
bool RaiseInside() {
  const uint32_t before = bh_current().id;
  raise(SIGUSR1);
  return bh_current().id == before;
}
BULKHEAD_ENTRY(kInstallInside, "vault", InstallInside);
BULKHEAD_ENTRY(kInstallInOther, "other", InstallInside);
BULKHEAD_ENTRY(kRaiseInside, "vault", RaiseInside);
BULKHEAD_ENTRY(kRaiseInSandbox, "sandbox", KeepsSecret);

TEST_F(HandlerOfAnotherDomain, RunsInTheVaultThatInstalledIt) {
  ASSERT_TRUE(vault_.Call(kInstallInside).value_or(false));
  for (int i = 0; i < 100; ++i) {
    number_seen = 0;
    raise(SIGUSR1);
    ASSERT_EQ(number_seen, 1000 + SIGUSR1);
    ASSERT_EQ(domain_of_handler, vault_.handle().id);
    ASSERT_EQ(bh_current().id, 0u);
    number_seen = 0;
    ASSERT_TRUE(vault_.Call(kRaiseInside).value_or(false));
    ASSERT_EQ(number_seen, 1000 + SIGUSR1);
    if (!MayHaveSandboxes()) continue;
    ASSERT_TRUE(sandbox_.Call(kRaiseInSandbox).value_or(false));
    ASSERT_EQ(domain_of_handler, vault_.handle().id);
  }
}

// In a thread that has never been in a compartment, too.
TEST_F(HandlerOfAnotherDomain, RunsThereInAFreshThread) {
  ASSERT_TRUE(vault_.Call(kInstallInside).value_or(false));
  std::thread([] { raise(SIGUSR1); }).join();
  EXPECT_EQ(number_seen, 1000 + SIGUSR1);
}

// Who installs it again, as programs do that restore what was before, has it
// run in its own domain.
TEST_F(HandlerOfAnotherDomain, IsOfWhoInstalledItLast) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  ASSERT_TRUE(vault_.Call(kInstallInside).value_or(false));
  const ChildResult child = RunInChild([] {
    signal(SIGUSR1, ReadOwn);
    raise(SIGUSR1);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_NE(child.errors.find("compartment-read"), std::string::npos)
      << child.errors;
}

TEST_F(HandlerOfAnotherDomain, OutlivesNoVault) {
  const ChildResult child = RunInChild([] {
    auto vault = Compartment::Create("other");
    if (!vault.ok() || !vault->Call(kInstallInOther).value_or(false) ||
        !vault->Destroy().ok()) {
      _exit(1);
    }
    raise(SIGUSR1);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
  EXPECT_NE(
      child.errors.find("the handler of a signal belongs to a compartment"),
      std::string::npos)
      << child.errors;
}

}  // namespace
}  // namespace bulkhead
