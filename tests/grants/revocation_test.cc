// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A right that was revoked is nobody's any more as soon as the call returns,
// whatever threads are doing then.

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/grants/table.h"
#include "tests/sandboxes/means.h"
#include "tests/signals/signals.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"
#include "tests/support/raw_thread.h"
#include "tests/support/scale.h"
#include "tests/support/stepped_child.h"

namespace {

using ::absl::OkStatus;
using ::bulkhead::Access;
using ::bulkhead::AwaitSleep;
using ::bulkhead::Compartment;
using ::bulkhead_test::AllocateInManyClasses;
using ::bulkhead_test::BeginSteps;
using ::bulkhead_test::BusyThreads;
using ::bulkhead_test::ByteOf;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::Code;
using ::bulkhead_test::kNumber;
using ::bulkhead_test::Make;
using ::bulkhead_test::MayHaveSandboxes;
using ::bulkhead_test::RawThread;
using ::bulkhead_test::ReportsRead;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::RunStepped;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::SteppedResult;
using ::bulkhead_test::Table;
using ::bulkhead_test::Watchdog;

constexpr int kReadAfterwards = 3;

// What a reader and whoever revokes know of each other.
struct Race {
  std::atomic<bool> reading{false};
  std::atomic<bool> revoked{false};
};

// Reads until it cannot. Ends the process if it still can when it was revoked.
uint64_t ReadOn(const volatile uint64_t* number, Race* race) {
  for (;;) {
    const bool was_revoked = race->revoked;
    if (*number != kNumber) _exit(2);
    if (was_revoked) _exit(kReadAfterwards);
    race->reading = true;
  }
}
BULKHEAD_ENTRY(kReadInVault, "reader", ReadOn);
// In a sandbox's reach, which is why its race lies in the shared heap.
BULKHEAD_ENTRY(kReadInBox, "box", ReadOn);

// Has a thread read while the right to is revoked. The child ends by a report
// that the memory was read, and not by the reader's exit.
using Start = std::function<void(std::function<void()>)>;
void InThread(std::function<void()> body) { std::thread(body).detach(); }
void InRawThread(std::function<void()> body) { new RawThread(body); }

ChildResult RevokeUnder(const Start& start, Race* race, const Table& table,
                        const std::function<void()>& read,
                        const std::function<absl::Status()>& revoke) {
  return RunInChild([&] {
    start(read);
    if (!bulkhead_test::Await([race] { return race->reading.load(); }))
      _exit(4);
    if (!revoke().ok()) _exit(5);
    race->revoked = true;
    for (;;) pause();
    (void)table;
  });
}

TEST(RevocationTest, StopsAReader) {
  const Watchdog watchdog;
  for (const auto& start : {InThread, InRawThread}) {
    const Table table;
    Race race;
    ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
    const ChildResult child = RevokeUnder(
        start, &race, table, [&] { ReadOn(table.number(), &race); },
        [&] { return table.compartment().RevokeFromEveryone(); });
    EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
  }
}

TEST(RevocationTest, StopsAReaderInAVault) {
  const Watchdog watchdog;
  const Table table;
  const Compartment reader = Make("reader");
  Race race;
  for (const Compartment& to : {Compartment::Root(), reader}) {
    ASSERT_EQ(table.compartment().Grant(to, Access::kRead), OkStatus());
    const ChildResult child = RevokeUnder(
        InThread, &race, table,
        [&] { reader.Call(kReadInVault, table.number(), &race).IgnoreError(); },
        [&] { return table.compartment().Revoke(to); });
    EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
    ASSERT_EQ(table.compartment().Revoke(to), OkStatus());
  }
  EXPECT_EQ(reader.Destroy(), OkStatus());
}

TEST(RevocationTest, StopsAReaderInASandbox) {
  if (!MayHaveSandboxes()) return;
  const Watchdog watchdog;
  const Table table;
  const Compartment box = Make("box", BH_KIND_SANDBOX);
  bh_compartment shared;
  ASSERT_EQ(bh_shared(&shared), BH_OK);
  auto* race = new (bh_malloc(shared, sizeof(Race))) Race();
  ASSERT_EQ(table.compartment().Grant(box, Access::kRead), OkStatus());
  const ChildResult child = RevokeUnder(
      InThread, race, table,
      [&] { box.Call(kReadInBox, table.number(), race).IgnoreError(); },
      [&] { return table.compartment().Revoke(box); });
  EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
  free(race);
  ASSERT_EQ(table.compartment().Revoke(box), OkStatus());
  EXPECT_EQ(box.Destroy(), OkStatus());
}

// The domain that the frame below leads back to had the right when it was left.
void RevokeInside(uint32_t id, uint32_t generation) {
  if (bh_grant_everyone({id, generation}, BH_ACCESS_NONE) != BH_OK) abort();
}
BULKHEAD_ENTRY(kRevokeInside, "other", RevokeInside);
BULKHEAD_ENTRY(kRevokeInReader, "reader", RevokeInside);

void CallOther(uint32_t id, uint32_t generation,
               const volatile uint64_t* number) {
  if (*number != kNumber) abort();
  const auto other = Compartment::Find("other");
  other->Call(kRevokeInside, id, generation).IgnoreError();
  if (*number == kNumber) _exit(kReadAfterwards);
}
BULKHEAD_ENTRY(kCallOther, "reader", CallOther);

TEST(RevocationTest, HoldsWhereANestedCallReturnsTo) {
  const Watchdog watchdog;
  const Table table;
  const Compartment reader = Make("reader");
  const Compartment other = Make("other");
  const bh_compartment handle = table.compartment().handle();
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  const ChildResult nested = RunInChild([&] {
    reader.Call(kCallOther, handle.id, handle.generation, table.number())
        .IgnoreError();
  });
  EXPECT_TRUE(ReportsRead(nested)) << nested.code << nested.errors;
  const ChildResult outside = RunInChild([&] {
    reader.Call(kRevokeInReader, handle.id, handle.generation).IgnoreError();
    if (*table.number() == kNumber) _exit(kReadAfterwards);
  });
  EXPECT_TRUE(ReportsRead(outside)) << outside.code << outside.errors;
  EXPECT_EQ(reader.Destroy(), OkStatus());
  EXPECT_EQ(other.Destroy(), OkStatus());
}

// The kernel gives what a handler interrupted the rights that it had.
std::atomic<bool> in_handler{false};
std::atomic<bool> handler_may_end{false};

void ReadRaiseAndRead(const volatile uint64_t* number) {
  if (*number != kNumber) _exit(2);
  raise(SIGUSR1);
  if (*number == kNumber) _exit(kReadAfterwards);
}
BULKHEAD_ENTRY(kReadRaiseAndRead, "reader", ReadRaiseAndRead);

// Has a thread run read(), and revokes while it is in a handler.
void RevokeInHandlerOf(const std::function<void(const Table&)>& read) {
  const Watchdog watchdog;
  const Table table;
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  const ChildResult child = RunInChild([&] {
    signal(SIGUSR1, [](int) {
      in_handler = true;
      while (!handler_may_end) usleep(1000);
    });
    std::thread reader([&] { read(table); });
    if (!bulkhead_test::Await([] { return in_handler.load(); })) _exit(4);
    if (!table.compartment().RevokeFromEveryone().ok()) _exit(5);
    handler_may_end = true;
    reader.join();
  });
  EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
}

TEST(RevocationTest, HoldsForWhatAHandlerInterrupted) {
  RevokeInHandlerOf(
      [](const Table& table) { ReadRaiseAndRead(table.number()); });
}

TEST(RevocationTest, HoldsForAVaultThatAHandlerInterrupted) {
  const auto vault = Compartment::Create("reader");
  ASSERT_TRUE(vault.ok()) << vault.status();
  RevokeInHandlerOf([&vault](const Table& table) {
    vault->Call(kReadRaiseAndRead, table.number()).IgnoreError();
  });
  EXPECT_EQ(vault->Destroy(), OkStatus());
}

TEST(RevocationTest, HoldsInASystemCall) {
  const Watchdog watchdog;
  const Table table;
  ASSERT_EQ(table.compartment().Grant(Compartment::Root(), Access::kReadWrite),
            OkStatus());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<pid_t> tid{0};
  ssize_t bytes = 0;
  int error = 0;
  std::thread reader([&] {
    tid = static_cast<pid_t>(syscall(SYS_gettid));
    bytes = read(ends[0], const_cast<uint64_t*>(table.number()), 8);
    error = errno;
  });
  AwaitSleep(tid);
  ASSERT_EQ(table.compartment().Revoke(Compartment::Root()), OkStatus());
  ASSERT_EQ(write(ends[1], "revoked!", 8), 8);
  reader.join();
  EXPECT_EQ(bytes, -1);
  EXPECT_EQ(error, EFAULT);
  EXPECT_EQ(close(ends[0]) + close(ends[1]), 0);
}

bool Work() { return AllocateInManyClasses(); }
BULKHEAD_ENTRY(kWorkInVault, "reader", Work);
BULKHEAD_ENTRY(kWorkInOther, "other", Work);
bool Nest() {
  const auto other = Compartment::Find("other");
  return other->Call(kWorkInOther).value_or(false);
}
BULKHEAD_ENTRY(kNest, "reader", Nest);

// Rights change at any instruction of a gate, of the monitor's ways, of malloc.
TEST(RevocationTest, DisturbsNoGate) {
  const Watchdog watchdog;
  const Table table;
  const Compartment reader = Make("reader");
  const Compartment other = Make("other");
  std::atomic<int> failed{0};
  std::atomic<int> calls{0};
  {
    const BusyThreads callers(2, [&] {
      if (!reader.Call(kWorkInVault).value_or(false)) ++failed;
      if (!reader.Call(kNest).value_or(false)) ++failed;
      if (!AllocateInManyClasses()) ++failed;
      ++calls;
    });
    for (int i = 0; i < Scaled(2000, 100); ++i) {
      ASSERT_EQ(table.compartment().GrantEveryone(i % 2 == 0 ? Access::kRead
                                                             : Access::kNone),
                OkStatus());
    }
  }
  EXPECT_EQ(failed, 0);
  EXPECT_GT(calls, 0);
  EXPECT_EQ(reader.Destroy(), OkStatus());
  EXPECT_EQ(other.Destroy(), OkStatus());
}

// Nor while a handler runs that has interrupted one, between any two of its
// instructions.
std::atomic<int> changes_wanted{0};
std::atomic<int> changes_made{0};

// The signal by which rights change waits for the handler to end.
bool AChangeWaits() {
  constexpr int kChange = 33;
  uint64_t pending = 0;
  syscall(SYS_rt_sigpending, &pending, sizeof(pending));
  return (pending >> (kChange - 1) & 1) != 0;
}

void AwaitAChange(int) {
  if (changes_made == changes_wanted) ++changes_wanted;
  while (changes_made != changes_wanted && !AChangeWaits()) sched_yield();
}

// lea rsp, [rdx - a displacement]: the gate has compared what it wrote to PKRU,
// and goes to a stack that handlers have no right to.
bool GoesToTheStack(Code code) {
  return ByteOf(code, 0) == 0x48 && ByteOf(code, 1) == 0x8d &&
         ByteOf(code, 2) == 0x62;
}

void ChangeRightsAtEachStep() {
  const Table table;
  const Compartment reader = Make("reader");
  if (!reader.Call(kWorkInVault).value_or(false)) _exit(1);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      if (changes_made == changes_wanted) {
        sched_yield();
        continue;
      }
      const auto access = changes_made % 2 == 0 ? Access::kRead : Access::kNone;
      if (!table.compartment().GrantEveryone(access).ok()) abort();
      ++changes_made;
    }
  });
  {
    const bulkhead::Action action(SIGUSR1, AwaitAChange);
    BeginSteps();
    if (!reader.Call(kWorkInVault).value_or(false)) _exit(2);
  }
  stop = true;
  other.join();
  if (!reader.Destroy().ok()) _exit(3);
  _exit(changes_made > 5 ? 0 : 4);
}

TEST(RevocationTest, DisturbsNoGateThatAHandlerInterrupted) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  const Watchdog watchdog;
  const SteppedResult stepped =
      RunStepped(SIGUSR1, ChangeRightsAtEachStep, GoesToTheStack);
  EXPECT_TRUE(stepped.exited);
  EXPECT_EQ(stepped.code, 0);
  EXPECT_TRUE(stepped.reached_the_last);
  EXPECT_GT(stepped.steps, 50);
}

// The signal is blocked while such a handler runs, and after a jump out of it
// that restores no mask.
sigjmp_buf out;

void JumpOutOfTheGate(int, siginfo_t*, void* raw_context) {
  const auto counter = static_cast<uintptr_t>(
      static_cast<ucontext_t*>(raw_context)->uc_mcontext.gregs[REG_RIP]);
  constexpr uintptr_t kSomeInstructions = 32;
  if (counter - reinterpret_cast<uintptr_t>(&bh_call) < kSomeInstructions) {
    siglongjmp(out, 1);
  }
}

TEST(RevocationTest, ReachesAThreadWhoseHandlerJumpedOutOfAGate) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  const Watchdog watchdog;
  const Table table;
  const Compartment reader = Make("reader");
  ASSERT_TRUE(reader.Call(kWorkInVault).value_or(false));
  const bulkhead::Action trap(SIGTRAP, JumpOutOfTheGate, SA_ONSTACK);
  // Made before: with its first thread, libc unblocks the signal.
  std::atomic<bool> jumped{false};
  absl::Status granted;
  std::thread other([&] {
    while (!jumped) sched_yield();
    granted = table.compartment().GrantEveryone(Access::kRead);
  });
  if (sigsetjmp(out, 0) == 0) {
    BeginSteps();
    reader.Call(kWorkInVault).IgnoreError();
    abort();  // the gate was passed
  }
  jumped = true;
  other.join();
  EXPECT_EQ(granted, OkStatus());
  EXPECT_EQ(reader.Destroy(), OkStatus());
}

TEST(RevocationTest, DisturbsNoThreadThatComesOrGoes) {
  const Watchdog watchdog;
  const Table table;
  const BusyThreads parents(2,
                            [] { std::thread(AllocateInManyClasses).join(); });
  for (int i = 0; i < Scaled(300, 20); ++i) {
    ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
    ASSERT_EQ(*table.number(), kNumber);
    ASSERT_EQ(table.compartment().RevokeFromEveryone(), OkStatus());
  }
}

// Two threads that each wait for the other to follow.
TEST(RevocationTest, GoesOnInSeveralThreadsAtOnce) {
  const Watchdog watchdog;
  const Table table;
  bulkhead_test::RunThreads(2, [&](int) {
    for (int i = 0; i < Scaled(300, 20); ++i) {
      EXPECT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
      EXPECT_EQ(table.compartment().RevokeFromEveryone(), OkStatus());
    }
  });
}

// By the kernel's own call: libc lets nobody block the signal.
TEST(RevocationTest, SaysWhereAThreadDoesNotAnswer) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  const Watchdog watchdog;
  const Table table;
  std::atomic<bool> blocked{false};
  std::atomic<bool> may_end{false};
  std::thread deaf([&] {
    const uint64_t all = ~uint64_t{0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
    blocked = true;
    while (!may_end) usleep(1000);
  });
  ASSERT_TRUE(bulkhead_test::Await([&] { return blocked.load(); }));
  EXPECT_EQ(table.compartment().GrantEveryone(Access::kRead).code(),
            absl::StatusCode::kDeadlineExceeded);
  may_end = true;
  deaf.join();
  EXPECT_EQ(table.compartment().RevokeFromEveryone(), OkStatus());
}

// It has said goodbye to Bulkhead, and runs on in another key's destructor.
std::atomic<bool> lingers{false};
std::atomic<bool> lingered_enough{false};

TEST(RevocationTest, ReachesAThreadThatLingersAtItsEnd) {
  const Watchdog watchdog;
  const Table table;
  pthread_key_t key;
  const auto linger = [](void* number) {
    lingers = true;
    while (!lingered_enough) usleep(1000);
    const auto* from = static_cast<const volatile uint64_t*>(number);
    if (*from == kNumber) _exit(kReadAfterwards);
  };
  ASSERT_EQ(pthread_key_create(&key, linger), 0);
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  const ChildResult child = RunInChild([&] {
    std::thread ending([&] {
      free(malloc(1));
      pthread_setspecific(key, const_cast<uint64_t*>(table.number()));
    });
    if (!bulkhead_test::Await([] { return lingers.load(); })) _exit(4);
    if (!table.compartment().RevokeFromEveryone().ok()) _exit(5);
    lingered_enough = true;
    ending.join();
  });
  EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
  EXPECT_EQ(pthread_key_delete(key), 0);
}

// Its first thread stays in the kernel's list.
TEST(RevocationTest, DoesNotWaitForAFirstThreadThatHasEnded) {
  const Watchdog watchdog;
  const ChildResult child = RunInChild([] {
    static std::atomic<pthread_t> first;
    first = pthread_self();
    std::thread([] {
      pthread_join(first, nullptr);
      const Table table;
      const bool done = table.compartment().GrantEveryone(Access::kRead).ok() &&
                        *table.number() == kNumber;
      if (!table.compartment().RevokeFromEveryone().ok()) _exit(2);
      _exit(done ? 0 : 1);
    }).detach();
    syscall(SYS_exit, 0);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

}  // namespace
