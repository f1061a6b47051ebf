// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What Bulkhead does not stop today: each limit of limits.md, shown. A test
// here that fails because something is now stopped is good news: strike the
// limit from the page, and turn the test round.

#include <nl_types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"
#include "tests/signals/signals.h"
#include "tests/support/child.h"
#include "tests/support/mappings.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::ChildResult;
using bulkhead_test::FindMapping;
using bulkhead_test::MayHaveSandboxes;
using bulkhead_test::RunInChild;

constexpr char kSecret = 0x5a;

char* Allocate(size_t size) {
  char* block = static_cast<char*>(malloc(size));
  if (block != nullptr) memset(block, kSecret, size);
  return block;
}
BULKHEAD_ENTRY(kAllocate, "keys", Allocate);
BULKHEAD_ENTRY(kAllocateLocked, "locked", Allocate);

char Read(const char* address) {
  return *const_cast<const volatile char*>(address);
}
BULKHEAD_ENTRY(kRead, "keys", Read);

void Write(char* address, char value) {
  *const_cast<volatile char*>(address) = value;
}
BULKHEAD_ENTRY(kWrite, "keys", Write);

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

class LimitsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("keys");
    ASSERT_TRUE(made.ok()) << made.status();
    keys = *made;
    block = keys.Call(kAllocate, size_t{4096}).value();
  }
  void TearDown() override { EXPECT_EQ(keys.Destroy(), absl::OkStatus()); }

  // Reads the secret from the root, without a gate.
  bool IsOpen() const { return Read(block) == kSecret; }

  Compartment keys{bh_compartment{0, 0}};
  char* block = nullptr;
};

TEST_F(LimitsTest, MetadataIsWritableWithoutKeys) {
  void* record;
  __asm__("mov %%gs:0, %0" : "=r"(record));
  const auto mapping = FindMapping(record);
  EXPECT_EQ(mapping.permissions, "rw-p");
  EXPECT_EQ(mapping.key > 0, HasKeys());
}

char global_of_the_vault = 0;

void* MapInside() {
  global_of_the_vault = kSecret;
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(page, kSecret, 4096);
  return page;
}
BULKHEAD_ENTRY(kMapInside, "keys", MapInside);

TEST_F(LimitsTest, GlobalsAndMappingsAreOutsideTheVault) {
  char* page = static_cast<char*>(keys.Call(kMapInside).value());
  EXPECT_EQ(Read(page), kSecret);
  EXPECT_EQ(Read(&global_of_the_vault), kSecret);
  EXPECT_EQ(munmap(page, 4096), 0);
}

TEST_F(LimitsTest, EntriesFollowTheirCallersPointers) {
  ASSERT_EQ(keys.Call(kWrite, block, char{1}), absl::OkStatus());
  EXPECT_EQ(keys.Call(kRead, block).value(), 1);
  EXPECT_FALSE(keys.Outside(block, 1));
}

TEST_F(LimitsTest, NeighboursInOneHeapAreReadable) {
  char* own = static_cast<char*>(malloc(64));
  char* victim = static_cast<char*>(malloc(64));
  memset(victim, kSecret, 64);
  EXPECT_EQ(Read(own + (victim - own)), kSecret);
  free(own);
  free(victim);
}

TEST_F(LimitsTest, SomeSystemCallsIgnoreKeys) {
  char copy = 0;
  const iovec local = {&copy, 1};
  const iovec remote = {block, 1};
  if (HasKeys()) {
    EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 1);
    EXPECT_EQ(copy, kSecret);
  } else {
    EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
  }
  copy = 0;
  FILE* memory = fopen("/proc/self/mem", "r");
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(pread(fileno(memory), &copy, 1,
                  static_cast<off_t>(reinterpret_cast<intptr_t>(block))),
            1);
  EXPECT_EQ(copy, kSecret);
  fclose(memory);
}

TEST_F(LimitsTest, SystemCallsPastLibcsFunctionsOpenPages) {
  const ChildResult child = RunInChild([this] {
    constexpr int kReadWrite = PROT_READ | PROT_WRITE;
    const long opened =
        HasKeys() ? syscall(SYS_pkey_mprotect, block, 4096, kReadWrite, 0)
                  : syscall(SYS_mprotect, block, 4096, kReadWrite);
    _exit(opened == 0 && IsOpen() ? 77 : 1);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

int WriteProtect(char* page) { return mprotect(page, 4096, PROT_READ); }
BULKHEAD_ENTRY(kWriteProtect, "keys", WriteProtect);

TEST_F(LimitsTest, WhatAVaultProtectsForItselfHasNoHandler) {
  const ChildResult child = RunInChild([this] {
    struct sigaction action = {};
    action.sa_handler = [](int) { _exit(1); };
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    if (keys.Call(kWriteProtect, block).value() != 0) _exit(2);
    keys.Call(kWrite, block, char{1}).IgnoreError();
    _exit(77);
  });
  if (HasKeys()) {
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  } else {
    EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
  }
}

// What libc keeps of a catalogue of messages that is open (glibc,
// catgets/catgetsinfo.h), as far as it needs it to close one.
struct Catalogue {
  enum { kMapped, kAllocated } status;
  size_t plane_size;
  size_t plane_depth;
  uint32_t* names;
  const char* strings;
  void* file;
  size_t file_size;
};

bool IsMapped(const char* page) { return FindMapping(page).found; }

TEST_F(LimitsTest, LibcUnmapsWhatItsOwnRecordsSay) {
  const ChildResult child = RunInChild([this] {
    auto* const open = static_cast<Catalogue*>(calloc(1, sizeof(Catalogue)));
    open->status = Catalogue::kMapped;
    open->file = block;
    open->file_size = 4096;
    if (!IsMapped(block) || catclose(open) != 0) _exit(1);
    _exit(IsMapped(block) ? 2 : 77);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

TEST_F(LimitsTest, SharedMemoryTakesThePlaceOfPages) {
  const ChildResult child = RunInChild([this] {
    const int segment = shmget(IPC_PRIVATE, 4096, 0600);
    const void* const attached = shmat(segment, block, SHM_REMAP);
    shmctl(segment, IPC_RMID, nullptr);
    _exit(attached == block && Read(block) == 0 ? 77 : 1);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

TEST_F(LimitsTest, LockedPagesAreUnlockedByAnyone) {
  bh_options options = {};
  options.lock = BH_ON;
  auto locked = Compartment::Create("locked", options);
  ASSERT_TRUE(locked.ok()) << locked.status();
  char* const page = locked->Call(kAllocateLocked, size_t{4096}).value();
  EXPECT_TRUE(FindMapping(page).HasFlag("lo"));
  EXPECT_EQ(munlock(page, 4096), 0);
  EXPECT_FALSE(FindMapping(page).HasFlag("lo"));
  EXPECT_EQ(locked->Destroy(), absl::OkStatus());
}

void InstallOnSignalStack(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (sigaction(SIGUSR1, &action, nullptr) != 0) _exit(2);
}

// Its frame takes the place of the interrupted one's.
void Scribble() {
  char frame[8192];
  memset(frame, 1, sizeof(frame));
  __asm__ volatile("" : : "r"(frame) : "memory");
}
BULKHEAD_ENTRY(kScribble, "keys", Scribble);

bh_compartment interrupted;

// How much of its own frame the handler of a signal has changed.
size_t RaiseAndCount() {
  char frame[4096];
  memset(frame, 0, sizeof(frame));
  __asm__ volatile("" : : "r"(frame) : "memory");
  // No call into libc, whose frame would be lost too.
  __asm__ volatile("syscall"
                   :
                   : "a"(SYS_tgkill), "D"(getpid()), "S"(gettid()), "d"(SIGUSR1)
                   : "rcx", "r11", "memory");
  __asm__ volatile("" : : "r"(frame) : "memory");
  size_t changed = 0;
  for (const char byte : frame) changed += byte != 0;
  // Not even the way back is left.
  _exit(changed != 0 ? 77 : 1);
}
BULKHEAD_ENTRY(kRaiseAndCount, "keys", RaiseAndCount);

TEST_F(LimitsTest, AHandlerThatCallsBackOverwritesAStack) {
  const ChildResult child = RunInChild([this] {
    interrupted = keys.handle();
    InstallOnSignalStack([](int, siginfo_t*, void*) {
      Compartment(interrupted).Call(kScribble).IgnoreError();
    });
    keys.Call(kRaiseAndCount).IgnoreError();
  });
  EXPECT_TRUE(child.ExitedWith(HasKeys() ? 1 : 77))
      << child.code << child.errors;
}

constexpr uint64_t kRegisterSecret = 0x5ec2e75ec2e75ec2;

uint64_t RaiseWithSecret() {
  return bulkhead::RaiseWith(SIGUSR1, kRegisterSecret).general;
}
BULKHEAD_ENTRY(kRaiseWithSecret, "keys", RaiseWithSecret);

TEST_F(LimitsTest, HandlersSeeAVaultsRegisters) {
  const ChildResult child = RunInChild([this] {
    InstallOnSignalStack([](int, siginfo_t*, void* context) {
      const auto& registers =
          static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
      _exit(static_cast<uint64_t>(registers[REG_R12]) == kRegisterSecret ? 77
                                                                         : 1);
    });
    keys.Call(kRaiseWithSecret).IgnoreError();
  });
  EXPECT_TRUE(child.ExitedWith(MayHaveSandboxes() ? 1 : 77))
      << child.code << child.errors;
}

TEST_F(LimitsTest, AWriteToASignalFrameChangesAVaultsRegisters) {
  const ChildResult child = RunInChild([this] {
    InstallOnSignalStack([](int, siginfo_t*, void* context) {
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_R12] = 77;
    });
    _exit(keys.Call(kRaiseWithSecret).value() == 77 ? 77 : 1);
  });
  EXPECT_TRUE(child.ExitedWith(MayHaveSandboxes() ? 1 : 77))
      << child.code << child.errors;
}

std::atomic<int> read_by_timer{-1};

void ReadInTimer(sigval value) {
  read_by_timer = Read(static_cast<char*>(value.sival_ptr));
}

void WaitForTimer(char* address) {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = ReadInTimer;
  event.sigev_value.sival_ptr = address;
  itimerspec soon = {};
  soon.it_value.tv_nsec = 1;
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
      timer_settime(timer, 0, &soon, nullptr) != 0) {
    abort();
  }
  while (read_by_timer < 0) sched_yield();
  // Here: libc goes on with what it keeps of the timer in the vault's heap.
  _exit(read_by_timer == kSecret ? 77 : 2);
}
BULKHEAD_ENTRY(kWaitForTimer, "keys", WaitForTimer);

// libc blocks SIGSEGV in its timer threads: the process ends without a report.
TEST_F(LimitsTest, ATimerThreadStartedInAVaultEndsTheProcess) {
  const ChildResult child = RunInChild([this] {
    keys.Call(kWaitForTimer, block).IgnoreError();
    _exit(1);
  });
  if (HasKeys()) {
    EXPECT_TRUE(child.DiedOf(SIGSEGV)) << child.code << child.errors;
    EXPECT_EQ(child.errors, "");
  } else {
    EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
  }
}

void OpenStream() {
  if (fputs("text", fopen("/dev/null", "w")) < 0) abort();
}
BULKHEAD_ENTRY(kOpenStream, "keys", OpenStream);

TEST_F(LimitsTest, AStreamLeftOpenInAVaultIsAViolationAtExit) {
  const ChildResult child = RunInChild([this] {
    keys.Call(kOpenStream).IgnoreError();
    exit(0);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code;
  EXPECT_NE(child.errors.find("ERROR: Bulkhead: compartment-"),
            std::string::npos)
      << child.errors;
}

void SetVariable() {
  if (setenv("BULKHEAD_LIMITS_TEST", "text", 1) != 0) abort();
}
BULKHEAD_ENTRY(kSetVariable, "keys", SetVariable);

TEST_F(LimitsTest, WhatLibcKeepsOfAVaultIsAViolationOutside) {
  const ChildResult child = RunInChild([this] {
    keys.Call(kSetVariable).IgnoreError();
    if (getenv("BULKHEAD_LIMITS_TEST") != nullptr) _exit(1);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
}

TEST_F(LimitsTest, AProgramThatUsesTheGsBaseCannotAllocate) {
  EXPECT_TRUE(RunInChild([] {
                static uint64_t own[1024];
                // A handler that comes in between would mend it.
                sigset_t all;
                sigfillset(&all);
                sigdelset(&all, SIGSEGV);
                pthread_sigmask(SIG_SETMASK, &all, nullptr);
                syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, own);
                void* any = malloc(1);
                __asm__ volatile("" : : "r"(any));
              }).DiedOf(SIGSEGV));
}

uint64_t Declared() { return 1; }
BULKHEAD_GATE(kDeclared, "late", Declared);
uint64_t Another(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) {
  return 77;
}

TEST_F(LimitsTest, GatesCanBeChangedUntilTheirCompartmentIsMade) {
  const ChildResult child = RunInChild([] {
    auto* const gate =
        reinterpret_cast<bh_gate*>(reinterpret_cast<uintptr_t>(&kDeclared));
    gate->function = Another;
    __asm__ volatile("" : : "r"(gate) : "memory");
    bh_compartment late;
    if (bh_create("late", nullptr, &late) != BH_OK) _exit(1);
    _exit(static_cast<int>(bh_call(late, &kDeclared, 0, 0, 0, 0, 0, 0).value));
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

TEST_F(LimitsTest, CompartmentsAreFew) {
  const size_t most = HasKeys() ? 8 : 63;
  std::vector<Compartment> others;
  for (;;) {
    auto next = Compartment::Create("other" + std::to_string(others.size()));
    if (!next.ok()) break;
    others.push_back(*next);
  }
  EXPECT_EQ(others.size() + 1, most);
  for (const Compartment& other : others) {
    EXPECT_EQ(other.Destroy(), absl::OkStatus());
  }
}

uintptr_t LeaveDeepOnStack() {
  volatile char frame[100 << 10];
  frame[0] = kSecret;
  auto left = reinterpret_cast<uintptr_t>(frame);
  return left;
}
BULKHEAD_ENTRY(kLeaveDeepOnStack, "copied", LeaveDeepOnStack);
BULKHEAD_ENTRY(kReadCopied, "copied", Read);

TEST_F(LimitsTest, WipeOnForkLeavesStacks) {
  bh_options options = {};
  options.wipe_on_fork = BH_ON;
  auto copied = Compartment::Create("copied", options);
  ASSERT_TRUE(copied.ok()) << copied.status();
  const auto* left =
      reinterpret_cast<const char*>(copied->Call(kLeaveDeepOnStack).value());
  const ChildResult child = RunInChild([&] {
    _exit(copied->Call(kReadCopied, left).value() == kSecret ? 77 : 1);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
  EXPECT_EQ(copied->Destroy(), absl::OkStatus());
}

}  // namespace
