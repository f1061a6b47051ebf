// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// exit(), pthread_exit() and thrd_exit() from within a compartment.

#include <pthread.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/sandbox.h"
#include "tests/support/child.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead::Root;
using ::bulkhead::Sandbox;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::SandboxTest;

void Exit(int status) { exit(status); }
BULKHEAD_ENTRY(kExit, "keys", Exit);
BULKHEAD_ENTRY(kExitInBox, "box", Exit);

Compartment other{bh_compartment{0, 0}};
BULKHEAD_ENTRY(kExitInOther, "other", Exit);
void ExitBelow(int status) { other.Call(kExitInOther, status).IgnoreError(); }
BULKHEAD_ENTRY(kExitBelow, "keys", ExitBelow);

void EndThread(int how) { how == 0 ? pthread_exit(nullptr) : thrd_exit(1); }
BULKHEAD_ENTRY(kEndThreadInBox, "box", EndThread);

void EndFromCallback() { pthread_exit(nullptr); }
BULKHEAD_ENTRY(kEndFromCallback, "root", EndFromCallback);
int CallEnd() { return static_cast<int>(Root().Call(kEndFromCallback).code()); }
BULKHEAD_ENTRY(kCallEnd, "box", CallEnd);

int Stay() { return 11; }
BULKHEAD_ENTRY(kStay, "box", Stay);

// The status says that what runs at the end found itself in the root.
void SayWhere() {
  if (bh_current().id == 0) _exit(77);
}

TEST(EndsTest, ExitLeavesVaultsFirst) {
  const Compartment keys = *Compartment::Create("keys");
  other = *Compartment::Create("other");
  for (const auto& gate : {kExit, kExitBelow}) {
    EXPECT_TRUE(RunInChild([&] {
                  atexit(SayWhere);
                  keys.Call(gate, 3).IgnoreError();
                }).ExitedWith(77));
    EXPECT_TRUE(
        RunInChild([&] { keys.Call(gate, 3).IgnoreError(); }).ExitedWith(3));
  }
  EXPECT_TRUE(RunInChild([] { exit(4); }).ExitedWith(4));
}

TEST_F(SandboxTest, WhatEndsASandboxEndsItsCall) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(box.Call(kExitInBox, 3).code(), absl::StatusCode::kAborted);
    for (int how = 0; how < 2; ++how) {
      ASSERT_EQ(box.Call(kEndThreadInBox, how).code(),
                absl::StatusCode::kAborted);
    }
    ASSERT_EQ(bh_current().id, 0u);
    ASSERT_EQ(box.Call(kStay)->Unchecked(), 11);
  }
  EXPECT_TRUE(box.Destroy().ok());
}

TEST_F(SandboxTest, WhatEndsACallbackEndsItsCall) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  ASSERT_TRUE(box.Allow(kEndFromCallback).ok());
  const auto code = box.Call(kCallEnd);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(code->Unchecked(), static_cast<int>(absl::StatusCode::kAborted));
  EXPECT_TRUE(box.Destroy().ok());
}

}  // namespace
