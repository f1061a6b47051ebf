// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a gate's caller has in its own memory, and what other threads make of it
// while the call is under way: its stack, its gates.

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/pkru.h"
#include "tests/support/child.h"

namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

constexpr int kClosed = 70, kOpen = 71;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

std::atomic<bool> inside{false};
std::atomic<bool> may_leave{false};

uint64_t WaitInside() {
  inside = true;
  while (!may_leave) sched_yield();
  return 0;
}
BULKHEAD_GATE(kWaitInside, "victim", WaitInside);

uint64_t Add(uint64_t a, uint64_t b) { return a + b; }
BULKHEAD_GATE(kAdd, "victim", Add);

// Where the overwritten stack leads. On any stack.
void Land() {
  bool has_more = false;
  if (HasKeys()) {
    const uint32_t pkru = bulkhead::Bits(bulkhead::ReadPkru());
    has_more = (pkru & bulkhead_owned_pkru) != bulkhead_root_pkru;
  }
  _exit(has_more ? kOpen : kClosed);
}

class CallerAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(bh_create("victim", nullptr, &victim), BH_OK);
  }
  void TearDown() override { EXPECT_EQ(bh_destroy(victim), BH_OK); }

  bh_compartment victim = {};
};

struct Visit {
  bh_compartment victim;
  uintptr_t stack_pointer;
};

void* VisitVictim(void* raw_visit) {
  auto& visit = *static_cast<Visit*>(raw_visit);
  visit.stack_pointer = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  bh_call(visit.victim, &kWaitInside, 0, 0, 0, 0, 0, 0);
  _exit(1);
}

// Every word that the visitor's stack holds below its own frame, the gate's
// included, leads to Land().
TEST_F(CallerAttackTest, AnOverwrittenStackKeepsNoRights) {
  const ChildResult child = RunInChild([this] {
    alarm(60);
    Visit visit = {victim, 0};
    pthread_t thread;
    if (pthread_create(&thread, nullptr, VisitVictim, &visit) != 0) _exit(2);
    while (!inside) sched_yield();
    const uintptr_t land = reinterpret_cast<uintptr_t>(&Land);
    for (uintptr_t at = visit.stack_pointer - 2048; at < visit.stack_pointer;
         at += sizeof(land)) {
      memcpy(reinterpret_cast<void*>(at), &land, sizeof(land));
    }
    may_leave = true;
    for (;;) pause();
  });
  EXPECT_TRUE(child.ExitedWith(kClosed)) << child.code << child.errors;
}

// A gate is an address among the compartment's; what stands there is not asked.
TEST_F(CallerAttackTest, AGateOfTheCallersMakingIsRefused) {
  static bh_gate forged[3];
  for (bh_gate& gate : forged) gate = kAdd;
  for (const bh_gate& gate : forged) {
    const bh_result result = bh_call(victim, &gate, 1, 2, 0, 0, 0, 0);
    EXPECT_EQ(result.status, uint64_t{BH_ERR_ENTRY});
  }
  // Between two gates.
  const auto* crooked =
      reinterpret_cast<const bh_gate*>(reinterpret_cast<uintptr_t>(&kAdd) + 8);
  EXPECT_EQ(bh_call(victim, crooked, 1, 2, 0, 0, 0, 0).status,
            uint64_t{BH_ERR_ENTRY});
  EXPECT_EQ(bh_call(victim, &kAdd, 1, 2, 0, 0, 0, 0).value, 3u);
}

// What was declared was copied.
TEST_F(CallerAttackTest, AGateThatChangesItsFunctionCallsTheOldOne) {
  const ChildResult child = RunInChild([this] {
    auto* const gate =
        reinterpret_cast<bh_gate*>(reinterpret_cast<uintptr_t>(&kAdd));
    gate->function = reinterpret_cast<decltype(gate->function)>(&Land);
    __asm__ volatile("" : : "r"(gate) : "memory");
    const bh_result result = bh_call(victim, &kAdd, 1, 2, 0, 0, 0, 0);
    _exit(static_cast<int>(result.value));
  });
  EXPECT_TRUE(child.ExitedWith(3)) << child.code << child.errors;
}

}  // namespace
