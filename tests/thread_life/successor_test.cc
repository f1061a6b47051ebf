// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A thread that takes over what the library kept of one that has ended: it has
// the same protection in a compartment as the first one had.

#include <signal.h>

#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"

namespace {

using bulkhead::Compartment;

int handled_inside = 0;
int handled_outside = 0;

void Handle(int) {
  char local = 0;
  if (bh_owner(&local).id == 0) {
    ++handled_outside;
  } else {
    ++handled_inside;
  }
}

void Raise() { raise(SIGUSR1); }
BULKHEAD_ENTRY(kRaise, "rooms", Raise);

// The kernel gives no thread the signal stack of another.
TEST(Successor, HasASignalStackInsideACompartment) {
  struct sigaction action = {};
  action.sa_handler = Handle;
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  auto rooms = Compartment::Create("rooms");
  ASSERT_TRUE(rooms.ok()) << rooms.status();
  constexpr int kThreads = 5;
  for (int i = 0; i < kThreads; ++i) {
    std::thread([&rooms] {
      EXPECT_EQ(rooms->Call(kRaise), absl::OkStatus());
    }).join();
  }
  EXPECT_EQ(handled_outside, kThreads);
  EXPECT_EQ(handled_inside, 0) << "a handler ran on the compartment's stack";
  EXPECT_EQ(rooms->Destroy(), absl::OkStatus());
}

}  // namespace
