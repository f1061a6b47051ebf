// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Handlers between any two instructions on the way into the monitor.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/signals/signals.h"
#include "tests/support/scale.h"
#include "tests/support/stepped_child.h"

namespace bulkhead {
namespace {

using bulkhead_test::BeginSteps;
using bulkhead_test::ByteOf;
using bulkhead_test::Code;
using bulkhead_test::RunStepped;
using bulkhead_test::SteppedResult;
using bulkhead_test::Watchdog;

// Of a class that is served by the monitor.
constexpr size_t kLarge = size_t{1} << 20;

// xchg [rbx + a displacement], eax: the thread is busy in the monitor then, and
// signals are put off.
bool IsTheExchange(Code code) {
  return ByteOf(code, 0) == 0x87 &&
         (ByteOf(code, 1) == 0x43 || ByteOf(code, 1) == 0x83);
}

void AllocateLarge(int) {
  // Volatile: compilers leave out what is freed unused.
  void* volatile large = malloc(kLarge);
  free(large);
}

// Its steps begin inside. What malloc() itself does begins anew after a
// handler.
bool Allocate() {
  BeginSteps();
  void* volatile large = aligned_alloc(4096, kLarge);
  free(large);
  return large != nullptr;
}
BULKHEAD_ENTRY(kAllocate, "stepped", Allocate);

TEST(HandlerOnTheWayIntoTheMonitor, MakesCallsOfItsOwn) {
  const Watchdog watchdog;
  const SteppedResult stepped = RunStepped(
      SIGUSR1,
      [] {
        auto vault = Compartment::Create("stepped");
        const Action action(SIGUSR1, AllocateLarge, SA_ONSTACK);
        if (!vault.ok() || !vault->Call(kAllocate).value_or(false)) _exit(1);
        if (!vault->Destroy().ok()) _exit(2);
      },
      IsTheExchange);
  EXPECT_TRUE(stepped.exited);
  EXPECT_EQ(stepped.code, 0);
  EXPECT_TRUE(stepped.reached_the_last);
  EXPECT_GT(stepped.steps, 40);
}

}  // namespace
}  // namespace bulkhead
