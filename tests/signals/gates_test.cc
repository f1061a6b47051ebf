// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Handlers that call into compartments.

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/signals/signals.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

bool Work() { return AllocateInManyClasses(); }
BULKHEAD_ENTRY(kWork, "rooms", Work);

std::atomic<int> others_ran{0};
std::atomic<int> failed{0};
const Compartment* rooms = nullptr;

uint64_t handled_by = 0;  // compartment on whose memory the handler ran
int handled = 0;

bool Raise() { return raise(SIGUSR1) == 0; }
BULKHEAD_ENTRY(kRaise, "rooms", Raise);

void NoteStack(int) {
  const char local = 0;
  handled_by += bh_owner(&local).id;
  ++handled;
}

// Whatever flags it was installed with, and before the compartment or after.
TEST(HandlerOfAThreadInside, RunsBesideItsStack) {
  struct sigaction old;
  ASSERT_NE(signal(SIGUSR1, NoteStack), SIG_ERR);
  auto made = Compartment::Create("rooms");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->Call(kRaise).value_or(false));
  ASSERT_NE(signal(SIGUSR1, SIG_DFL), SIG_ERR);
  ASSERT_NE(signal(SIGUSR1, NoteStack), SIG_ERR);
  EXPECT_TRUE(made->Call(kRaise).value_or(false));
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(handled_by, 0u);
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &old), 0);
  EXPECT_EQ(old.sa_flags & SA_ONSTACK, 0);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(made->Destroy(), absl::OkStatus());
}

// The handler's frames are on the alternate stack and its thread is on the
// compartment's: others that come for the alternate stack must not start over
// those frames.
TEST(HandlerThatCallsAGate, IsInterruptedByOthersOnItsStack) {
  const Watchdog watchdog;
  auto made = Compartment::Create("rooms");
  ASSERT_TRUE(made.ok()) << made.status();
  rooms = &*made;
  const AlternateStack stack;
  const Action other(
      SIGUSR2, [](int) { ++others_ran; }, SA_ONSTACK | SA_RESTART);
  const Action calls(
      SIGUSR1,
      [](int) {
        volatile unsigned char local[512];
        memset(const_cast<unsigned char*>(local), 5, sizeof(local));
        const auto worked = rooms->Call(kWork);
        if (!worked.ok() || !*worked) ++failed;
        for (const unsigned char byte : local) {
          if (byte != 5) ++failed;
        }
      },
      SA_ONSTACK);
  const ThreadTimer timer(SIGUSR2);
  timer.Every(50000);
  const int least = Scaled(1000, 100);
  while (others_ran < least) raise(SIGUSR1);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(made->Destroy(), absl::OkStatus());
}

}  // namespace
}  // namespace bulkhead
