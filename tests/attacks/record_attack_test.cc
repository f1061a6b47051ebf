// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Records that are not the thread's: a GS base that leads elsewhere, and two
// threads with one record.

#include <asm/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/thread/call_monitor.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"

extern "C" void JumpWithRegisters(const uint64_t registers[16],
                                  const void* target);

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

uint64_t Nothing() { return 7; }
BULKHEAD_GATE(kNothing, "victim", Nothing);

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

void SetGsBase(const void* base) {
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, base) != 0) abort();
}

class RecordAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(bh_create("victim", nullptr, &victim), BH_OK);
    ASSERT_EQ(bh_call(victim, &kNothing, 0, 0, 0, 0, 0, 0).value, 7u);
  }
  void TearDown() override { EXPECT_EQ(bh_destroy(victim), BH_OK); }

  CompartmentId Id() const { return CompartmentId{victim.id}; }

  // A thread that has taken `record` for its own gets through a gate with its
  // own at best, and ends as it calls the monitor. Only keys make the
  // difference: without them nobody can be kept from Bulkhead's data.
  void ExpectRefused(const ThreadRecord* record) const {
    if (!HasKeys()) return;
    const ThreadRecord* const own = RecordAtGs();
    const ChildResult called = RunInChild([&] {
      SetGsBase(record);
      bh_call(victim, &kNothing, 0, 0, 0, 0, 0, 0);
      _exit(RecordAtGs() == own ? 77 : 1);
    });
    EXPECT_TRUE(called.ExitedWith(77) || !called.exited)
        << called.code << called.errors;
    const ChildResult asked = RunInChild([&] {
      SetGsBase(record);
      bulkhead_monitor_pku(static_cast<uint64_t>(MonitorCall::kInspect), 0, 0,
                           0, 0);
    });
    EXPECT_TRUE(asked.DiedOf(SIGILL)) << asked.code << asked.errors;
  }

  bh_compartment victim = {};
};

TEST_F(RecordAttackTest, OnesOwnIsTaken) {
  if (!HasKeys()) return;
  EXPECT_TRUE(RunInChild([this] {
                SetGsBase(RecordAtGs());
                _exit(static_cast<int>(
                    bh_call(victim, &kNothing, 0, 0, 0, 0, 0, 0).value));
              }).ExitedWith(7));
}

TEST_F(RecordAttackTest, ACopyElsewhereIsRefused) {
  static ThreadRecord copy;
  memcpy(static_cast<void*>(&copy), RecordAtGs(), sizeof(copy));
  copy.self = &copy;
  ExpectRefused(&copy);
  // The rights of a copy that grants them all.
  copy.pkru = Pkru{0};
  ExpectRefused(&copy);
}

TEST_F(RecordAttackTest, AnotherThreadsIsRefused) {
  std::atomic<const ThreadRecord*> other{nullptr};
  std::atomic<bool> may_go{false};
  std::thread thread([&] {
    other = CurrentRecord();
    while (!may_go) sched_yield();
  });
  while (other == nullptr) sched_yield();
  ExpectRefused(other);
  may_go = true;
  thread.join();
}

[[noreturn]] void EndInside() { _exit(1); }
BULKHEAD_GATE(kEndInside, "victim", EndInside);

// The first WRPKRU of bh_call(), as an attacker finds it.
const unsigned char* FirstWrpkru() {
  static constexpr unsigned char kWrpkru[] = {0x0f, 0x01, 0xef};
  return static_cast<const unsigned char*>(memmem(
      reinterpret_cast<const void*>(&bh_call), 512, kWrpkru, sizeof(kWrpkru)));
}

// By a jump behind the questions which only choose the way, with a record whose
// thread was in the vault before.
TEST_F(RecordAttackTest, NoGateIsPassedOnAnothersRecord) {
  if (!HasKeys()) return;
  std::atomic<const ThreadRecord*> other{nullptr};
  std::atomic<bool> may_go{false};
  std::thread thread([&] {
    bh_call(victim, &kNothing, 0, 0, 0, 0, 0, 0);
    other = CurrentRecord();
    while (!may_go) sched_yield();
  });
  while (other == nullptr) sched_yield();
  const CompartmentRow& row = RowOf(Id());
  uint64_t registers[16] = {};
  registers[0] = Bits(ReadPkru()) & row.open_mask;
  registers[4] = reinterpret_cast<uint64_t>(
      &bulkhead_entries[row.first_entry + (&kEndInside - row.gates)]);
  registers[5] = AsNumber(victim);
  alignas(64) static unsigned char stack[65536];
  registers[15] = reinterpret_cast<uint64_t>(stack + sizeof(stack) - 64);
  const ChildResult child = RunInChild([&] {
    SetGsBase(other);
    JumpWithRegisters(registers, FirstWrpkru());
  });
  EXPECT_TRUE(child.DiedOf(SIGILL)) << child.code << child.errors;
  may_go = true;
  thread.join();
}

// The name of a compartment to create is 32 bytes of the record, as the caller
// wants them: what a record begins with, one that grants all rights.
TEST_F(RecordAttackTest, APartOfOnesOwnIsRefused) {
  ThreadRecord& record = *CurrentRecord();
  const auto* part = reinterpret_cast<const ThreadRecord*>(record.name);
  CallMonitor(record, MonitorCall::kName, reinterpret_cast<uintptr_t>(part),
              record.fs_base, 0, 0);
  ASSERT_EQ(part->self, part);
  ASSERT_EQ(part->fs_base, record.fs_base);
  ASSERT_EQ(Bits(part->pkru), 0u);
  ExpectRefused(part);
}

// A thread that shares the caller's control block, and so its record.
class Sharer {
 public:
  explicit Sharer(int (*body)(void*)) {
    constexpr size_t kStackBytes = size_t{64} << 10;
    void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                           CLONE_THREAD | CLONE_SYSVSEM;
    if (stack == MAP_FAILED ||
        clone(body, static_cast<char*>(stack) + kStackBytes, kFlags, nullptr) <
            0) {
      abort();
    }
  }
};

bh_result Ask(MonitorCall call, uint64_t a0 = 0, uint64_t a1 = 0,
              uint64_t a2 = 0) {
  const auto number = static_cast<uint64_t>(call);
  return HasKeys() ? bulkhead_monitor_pku(number, a0, a1, a2, 0)
                   : bulkhead_monitor_plain(number, a0, a1, a2, 0);
}

int StayInTheMonitor(void*) {
  for (;;) {
    const bh_result block = Ask(MonitorCall::kAllocate, 0, 3000000, 16);
    Ask(MonitorCall::kFree, block.value);
  }
}

TEST_F(RecordAttackTest, TwoThreadsAreNotInTheMonitorWithOne) {
  const ChildResult child = RunInChild([] {
    const Sharer other(StayInTheMonitor);
    alarm(60);
    StayInTheMonitor(nullptr);
  });
  EXPECT_TRUE(child.DiedOf(SIGILL)) << child.code << child.errors;
}

// The word that says whose thread control block it is may be written by anyone:
// a thread that believes a false one asks for its record anew.
TEST_F(RecordAttackTest, NoneIsGivenAwayWhileItsThreadIsInTheMonitor) {
  const ChildResult child = RunInChild([] {
    const Sharer other(StayInTheMonitor);
    alarm(60);
    for (;;) {
      if (HasKeys()) {
        bulkhead_attach_pku();
      } else {
        bulkhead_attach_plain(ThreadControlBlock());
      }
    }
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_NE(child.errors.find("the record of one that is in the monitor"),
            std::string::npos)
      << child.errors;
}

// A thread made by clone() within a vault begins with the vault's rights. It
// has a thread control block of its own, and so gets a record of its own.
constexpr long kPending = -100;

struct RawVisit {
  const void* secret = nullptr;
  int ends[2] = {};
  std::atomic<long> readable{kPending};
};

int LookAfterTheFirstCall(void* raw_visit) {
  auto& visit = *static_cast<RawVisit*>(raw_visit);
  void* block = malloc(1);
  __asm__ volatile("" : "+r"(block));
  free(block);
  visit.readable = write(visit.ends[1], visit.secret, 1);
  return 0;
}

// What the ABI and compiled code rely on of libc's, from outside the vault.
struct alignas(64) RawThreadArea {
  char static_tls[8192];
  uintptr_t control_block[1024];
  char stack[65536];
};
RawThreadArea raw_area;

uint64_t CloneInside(uint64_t raw_visit) {
  auto& visit = *reinterpret_cast<RawVisit*>(raw_visit);
  auto* const secret = static_cast<char*>(malloc(1));
  visit.secret = secret;
  constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                         CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS;
  if (clone(LookAfterTheFirstCall, raw_area.stack + sizeof(raw_area.stack),
            kFlags, &visit, nullptr, raw_area.control_block) < 0) {
    abort();
  }
  while (visit.readable == kPending) sched_yield();
  free(secret);
  return 0;
}
BULKHEAD_GATE(kCloneInside, "victim", CloneInside);

TEST_F(RecordAttackTest, ARawThreadOfAVaultsLosesItsRights) {
  if (!HasKeys()) return;
  // As tcbhead_t of libc begins, in words.
  enum { kSelf = 0, kThread = 2, kStackGuard = 5 };
  uintptr_t(&block)[1024] = raw_area.control_block;
  block[kSelf] = block[kThread] = reinterpret_cast<uintptr_t>(block);
  __asm__("mov %%fs:0x28, %0" : "=r"(block[kStackGuard]));
  RawVisit visit;
  ASSERT_EQ(pipe(visit.ends), 0);
  const auto argument = reinterpret_cast<uintptr_t>(&visit);
  const ChildResult child = RunInChild([&] {
    alarm(60);
    bh_call(victim, &kCloneInside, argument, 0, 0, 0, 0, 0);
    _exit(visit.readable == 1 ? 1 : 77);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

// Another thread may write to the words at the FS base of a vault's thread,
// which is its caller's: whose the thread is, they do not say.
uint64_t AllocateWithout(uint64_t base) {
  uint64_t own;
  __asm__ volatile("mov %%fs:0, %0" : "=r"(own));
  __asm__ volatile("mov %0, %%fs:0" : : "r"(base) : "memory");
  void* volatile block = malloc(64);
  __asm__ volatile("mov %0, %%fs:0" : : "r"(own) : "memory");
  const uint64_t owner = bh_owner(block).id;
  free(block);
  return owner;
}
BULKHEAD_GATE(kAllocateWithout, "spoofed", AllocateWithout);

constexpr int kStolen = 77;

TEST_F(RecordAttackTest, AWordOfTheThreadsMemoryDoesNotChooseTheHeap) {
  bh_compartment spoofed;
  ASSERT_EQ(bh_create("spoofed", nullptr, &spoofed), BH_OK);
  // What the shortest way through malloc() compares with in such a process.
  const ChildResult child = RunInChild([&] {
    const bh_result owner =
        bh_call(spoofed, &kAllocateWithout, 0, 0, 0, 0, 0, 0);
    _exit(owner.value == spoofed.id ? 0 : kStolen);
  });
  EXPECT_FALSE(child.ExitedWith(kStolen)) << "a vault's block in another heap";
  EXPECT_EQ(bh_destroy(spoofed), BH_OK);
}

}  // namespace
}  // namespace bulkhead
