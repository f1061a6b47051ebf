// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls of the monitor with arguments that its callers would never pass: what
// stands between a caller's stack, which others may write to, and the metadata.

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "allocator/heap/heap_monitor.h"
#include "allocator/heap/thread_cache.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/remembered.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

char* Allocate(size_t size) {
  auto* const block = static_cast<char*>(malloc(size));
  if (block != nullptr) memset(block, 0x5a, size);
  return block;
}
BULKHEAD_ENTRY(kAllocate, "victim", Allocate);

bool FreeIfIntact(char* block, size_t size) {
  bool intact = true;
  for (size_t i = 0; i < size; ++i) intact = intact && block[i] == 0x5a;
  free(block);
  return intact;
}
BULKHEAD_ENTRY(kFreeIfIntact, "victim", FreeIfIntact);

// Gates of a compartment called x, in the vault. Returns where.
uint64_t MakeGates() {
  auto* const gates =
      static_cast<bh_gate*>(aligned_alloc(alignof(bh_gate), sizeof(bh_gate)));
  *gates = {"x", "gate", nullptr};
  return reinterpret_cast<uintptr_t>(gates);
}
BULKHEAD_ENTRY(kMakeGates, "victim", MakeGates);

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

bh_result Ask(MonitorCall call, uint64_t a0 = 0, uint64_t a1 = 0,
              uint64_t a2 = 0, uint64_t a3 = 0) {
  return CallMonitor(*CurrentRecord(), call, a0, a1, a2, a3);
}

uint64_t Number(FreeStatus status) { return static_cast<uint64_t>(status); }

// Ends with this line on stderr.
void ExpectDeath(const ChildResult& child, const char* line) {
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_NE(child.errors.find(line), std::string::npos) << child.errors;
}

class MonitorAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("victim");
    ASSERT_TRUE(made.ok()) << made.status();
    victim = *made;
  }
  void TearDown() override { EXPECT_EQ(victim.Destroy(), absl::OkStatus()); }

  uint64_t Row() const { return victim.handle().id; }

  Compartment victim{bh_compartment{0, 0}};
};

TEST_F(MonitorAttackTest, ARowThatTheThreadIsNotInIsNotBelieved) {
  if (!HasKeys()) return;
  const uint64_t call =
      static_cast<uint64_t>(MonitorCall::kInspect) | Row() << 32;
  const auto claim = [call] { bulkhead_monitor_pku(call, 0, 0, 0, 0); };
  // A thread that never was inside has nothing to show; one that was cannot
  // write there any more.
  EXPECT_TRUE(RunInChild([&] { std::thread(claim).join(); }).DiedOf(SIGILL));
  ASSERT_TRUE(victim.Call(kAllocate, size_t{100}).ok());
  ExpectDeath(RunInChild(claim), "==ERROR: Bulkhead: compartment-write");
}

TEST_F(MonitorAttackTest, NumbersAreBounded) {
  for (const uint64_t number : {uint64_t{BH_MONITOR_CALLS}, uint64_t{1000}}) {
    const ChildResult child = RunInChild([number] {
      if (HasKeys()) {
        bulkhead_monitor_pku(number, 0, 0, 0, 0);
      } else {
        bulkhead_monitor_plain(number, 0, 0, 0, 0);
      }
    });
    EXPECT_TRUE(child.DiedOf(SIGILL)) << number << child.code << child.errors;
  }
}

TEST_F(MonitorAttackTest, BatchesAreBounded) {
  EXPECT_EQ(Ask(MonitorCall::kRefill, 1, kMostBatch).value, kMostBatch);
  EXPECT_EQ(Ask(MonitorCall::kRefill, 1, kMostBatch + 1).value, 0u);
  EXPECT_EQ(Ask(MonitorCall::kRefill, 1, ~uint64_t{0}).value, 0u);
  for (const uint64_t no_class :
       {uint64_t{0}, uint64_t{kSmallClasses}, uint64_t{1000}, ~uint64_t{0}}) {
    EXPECT_EQ(Ask(MonitorCall::kRefill, no_class, 1).value, 0u) << no_class;
  }
  // Slots that would end in the stack of whoever copies them.
  EXPECT_TRUE(RunInChild([] {
                Ask(MonitorCall::kFlush, 1, kMostBatch + 1);
                Ask(MonitorCall::kFlush, 1, 5000);
                Ask(MonitorCall::kFlush, kCachedClasses, 1);
                if (!AllocateInManyClasses()) _exit(1);
              }).ExitedWith(0));
}

TEST_F(MonitorAttackTest, NonsenseIsNotAllocated) {
  for (const uint64_t alignment : {0, 3, 48}) {
    EXPECT_EQ(Ask(MonitorCall::kAllocate, 0, 100, alignment).value, 0u);
  }
  for (const uint64_t size : {uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(Ask(MonitorCall::kAllocate, 0, size, 16).value, 0u);
  }
  for (const uint64_t row : {uint64_t{BH_MAX_COMPARTMENTS}, ~uint64_t{0},
                             uint64_t{1} << 32, Row() + 1}) {
    EXPECT_EQ(Ask(MonitorCall::kAllocate, row, 100, 16).value, 0u) << row;
  }
}

// free() and realloc() looked whose the block is; the monitor looks itself.
TEST_F(MonitorAttackTest, AnothersBlockIsNeitherFreedNorResized) {
  for (const size_t size : {size_t{100}, size_t{20000}, size_t{3000000}}) {
    char* const block = victim.Call(kAllocate, size).value();
    const auto address = reinterpret_cast<uintptr_t>(block);
    EXPECT_EQ(Ask(MonitorCall::kFree, address).status,
              Number(FreeStatus::kForeign));
    EXPECT_EQ(Ask(MonitorCall::kResize, address, 2 * size).status,
              Number(FreeStatus::kForeign));
    EXPECT_TRUE(victim.Call(kFreeIfIntact, block, size).value());
  }
}

// It follows one pointer of its callers, to the gates of a compartment to
// create, and that with no right to any heap.
TEST_F(MonitorAttackTest, NoHeapIsReadForACaller) {
  const uint64_t gates = victim.Call(kMakeGates).value();
  ExpectDeath(RunInChild([gates] {
                Ask(MonitorCall::kName, 'x', 0, 0, 0);
                Ask(MonitorCall::kCreate, 0, 0, gates, gates + sizeof(bh_gate));
              }),
              "==ERROR: Bulkhead: a fault in the monitor");
}

// Signal frames are written with the interrupted code's rights before Linux
// 6.12: there the monitor keeps those of its caller to key 0.
bool FramesNeedRights() {
  utsname name;
  unsigned major = 0, minor = 0;
  uname(&name);
  EXPECT_EQ(sscanf(name.release, "%u.%u", &major, &minor), 2);
  return major < 6 || (major == 6 && minor < 12);
}

TEST_F(MonitorAttackTest, MetadataAndFramesAreAllThatItMayWrite) {
  if (!HasKeys()) {
    EXPECT_EQ(bulkhead_monitor_pkru, 0u);
    return;
  }
  for (int key = 0; key < 16; ++key) {
    const HardwareKey number{key};
    const Pkru rights = Pkru{bulkhead_monitor_pkru} & BothBits(number);
    const bool is_owned = (bulkhead_owned_pkru & Bits(BothBits(number))) != 0;
    // Where the root's caches lie, and stacks that signals come on.
    const bool is_root = number == kUntagged || number == root_heap_key;
    if (number == metadata_key || number == frames_key || !is_owned ||
        (is_root && FramesNeedRights())) {
      EXPECT_EQ(Bits(rights), 0u) << key;
    } else {
      EXPECT_EQ(rights, is_root ? ReadOnly(number) : Closed(number)) << key;
    }
  }
}

TEST_F(MonitorAttackTest, NoDomainIsNamedThatTheCallerHasNot) {
  if (!HasKeys()) return;
  ExpectDeath(RunInChild([this] { Ask(MonitorCall::kPushFrame, Row()); }),
              "a domain names a compartment that it may not write to");
}

TEST_F(MonitorAttackTest, WhatIsRememberedStays) {
  std::thread([] {}).join();
  const uint64_t before = Recall(Remembered::kPthreadCreate);
  ASSERT_NE(before, 0u);
  Remember(Remembered::kPthreadCreate, before + 1);
  EXPECT_EQ(Recall(Remembered::kPthreadCreate), before);
  ExpectDeath(RunInChild([] { Ask(MonitorCall::kRemember, 1000, 1); }),
              "no such slot");
}

// What only gates may ask for, and the ends of handlers, change the domain.
TEST_F(MonitorAttackTest, ItsWayMakesNoCallsOfGates) {
  if (!HasKeys()) return;
  for (const MonitorCall call :
       {MonitorCall::kEnterVault, MonitorCall::kEnterSandbox,
        MonitorCall::kCallRoot, MonitorCall::kLeaveGate,
        MonitorCall::kLeaveHandler}) {
    const ChildResult child = RunInChild([&] {
      Ask(call, AsNumber(victim.handle()),
          reinterpret_cast<uintptr_t>(kAllocate.declaration()));
      _exit(0);
    });
    EXPECT_TRUE(child.DiedOf(SIGILL)) << child.code << child.errors;
  }
}

}  // namespace
}  // namespace bulkhead
