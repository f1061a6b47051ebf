// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Handlers between any two instructions on the way into the monitor.

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/signals/signals.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::Watchdog;

constexpr greg_t kTrapFlag = 0x100;
// Of a class that is served by the monitor.
constexpr size_t kLarge = size_t{1} << 20;

int steps = 0;
bool reached_the_exchange = false;

// xchg [rbx + a displacement], eax: the thread is busy in the monitor then, and
// signals are put off.
bool IsTheExchange(const unsigned char* code) {
  return code[0] == 0x87 && (code[1] == 0x43 || code[1] == 0x83);
}

void Step(int, siginfo_t*, void* raw_context) {
  greg_t* registers = static_cast<ucontext_t*>(raw_context)->uc_mcontext.gregs;
  ++steps;
  // Volatile: compilers leave out what is freed unused.
  void* volatile large = malloc(kLarge);
  free(large);
  if (!IsTheExchange(
          reinterpret_cast<const unsigned char*>(registers[REG_RIP]))) {
    return;
  }
  reached_the_exchange = true;
  registers[REG_EFL] &= ~kTrapFlag;
}

// Its steps begin inside. What malloc() itself does begins anew after a
// handler.
bool Allocate() {
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag);
  void* volatile large = aligned_alloc(4096, kLarge);
  free(large);
  return large != nullptr;
}
BULKHEAD_ENTRY(kAllocate, "stepped", Allocate);

TEST(HandlerOnTheWayIntoTheMonitor, MakesCallsOfItsOwn) {
  const Watchdog watchdog;
  auto stepped = Compartment::Create("stepped");
  ASSERT_TRUE(stepped.ok()) << stepped.status();
  const Action step(SIGTRAP, Step, SA_ONSTACK);
  EXPECT_TRUE(stepped->Call(kAllocate).value_or(false));
  EXPECT_TRUE(reached_the_exchange);
  EXPECT_GT(steps, 40);
  EXPECT_EQ(stepped->Destroy(), absl::OkStatus());
}

}  // namespace
}  // namespace bulkhead
