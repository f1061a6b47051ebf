// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What goes between a sandbox and the root: callbacks, shared memory, values
// that are not believed.

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/sandbox.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead::Root;
using ::bulkhead::Sandbox;
using ::bulkhead::SharedArray;
using ::bulkhead_test::SandboxTest;

Sandbox box{Compartment{bh_compartment{0, 0}}};
thread_local int rows_seen = 0;
std::vector<int> rows;

// The root's, with its heap, its variables and its thread's.
int TakeRow(int row) {
  rows.push_back(row);
  ++rows_seen;
  errno = 71;
  return bh_current().id == 0 ? static_cast<int>(rows.size()) : -1;
}
BULKHEAD_ENTRY(kTakeRow, "root", TakeRow);
BULKHEAD_ENTRY(kNeverAllowed, "root", TakeRow);

int GiveRows(int count) {
  errno = 17;
  for (int i = 0; i < count; ++i) {
    const auto seen = Root().Call(kTakeRow, i);
    if (!seen.ok() || *seen != i + 1 || errno != 17) return -1;
  }
  return count;
}
BULKHEAD_ENTRY(kGiveRows, "box", GiveRows);

int CallUnallowed() {
  return static_cast<int>(Root().Call(kNeverAllowed, 1).status().code());
}
BULKHEAD_ENTRY(kCallUnallowed, "box", CallUnallowed);

// Each goes one step deeper through the other, and back.
int InTheRoot(int depth);
BULKHEAD_ENTRY(kInTheRoot, "root", InTheRoot);
int InTheBox(int depth) {
  volatile char local[3000];
  memset(const_cast<char*>(local), depth, sizeof(local));
  if (depth == 0) return 0;
  const auto below = Root().Call(kInTheRoot, depth - 1);
  for (const char byte : local) {
    if (byte != depth) return -1000;
  }
  return below.ok() ? *below + 1 : -1;
}
BULKHEAD_ENTRY(kInTheBox, "box", InTheBox);
int InTheRoot(int depth) {
  volatile char local[3000];
  memset(const_cast<char*>(local), depth, sizeof(local));
  if (depth == 0) return 0;
  const auto below = box.Call(kInTheBox, depth - 1);
  for (const char byte : local) {
    if (byte != depth) return -1000;
  }
  return below.ok() ? below->Unchecked() + 1 : -1;
}

bh_status AllowItself() {
  return bh_allow(bh_current(), kNeverAllowed.declaration());
}
BULKHEAD_ENTRY(kAllowItself, "box", AllowItself);

void SortIn(int* numbers, size_t count) { std::sort(numbers, numbers + count); }
BULKHEAD_ENTRY(kSortIn, "box", SortIn);

int GiveNumber() { return 4711; }
BULKHEAD_ENTRY(kGiveNumber, "box", GiveNumber);

// A vault between the root and the sandbox.
int CallBoxFromVault(int count) {
  const auto given = box.Call(kGiveNumber);
  return given.ok() ? given->Unchecked() + count : -1;
}
BULKHEAD_ENTRY(kCallBoxFromVault, "vault", CallBoxFromVault);

class CallbacksTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (!bulkhead_test::MayHaveSandboxes()) return;
    auto made = Sandbox::Create("box");
    ASSERT_TRUE(made.ok()) << made.status();
    box = *made;
    rows.clear();
  }
  void TearDown() override {
    if (bulkhead_test::MayHaveSandboxes()) {
      EXPECT_TRUE(box.Destroy().ok());
    }
  }
};

TEST_F(CallbacksTest, RunInTheRootOnTheSameThread) {
  RETURN_WITHOUT_SANDBOXES();
  ASSERT_TRUE(box.Allow(kTakeRow).ok());
  rows_seen = 0;
  EXPECT_EQ(box.Call(kGiveRows, 100)->Unchecked(), 100);
  EXPECT_EQ(rows.size(), 100u);
  EXPECT_EQ(rows_seen, 100);
  std::thread([] {
    rows.clear();
    EXPECT_EQ(box.Call(kGiveRows, 10)->Unchecked(), 10);
    EXPECT_EQ(rows_seen, 10);
  }).join();
}

TEST_F(CallbacksTest, AreThoseThatTheRootAllows) {
  RETURN_WITHOUT_SANDBOXES();
  constexpr int kDenied = static_cast<int>(absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(box.Call(kCallUnallowed)->Unchecked(), kDenied);
  EXPECT_EQ(box.Call(kAllowItself)->Unchecked(), BH_ERR_DENIED);
  EXPECT_EQ(box.Call(kCallUnallowed)->Unchecked(), kDenied);
  // An entry of the sandbox's own is none of the root's.
  EXPECT_EQ(box.Allow(kGiveNumber).code(), absl::StatusCode::kInvalidArgument);
  // What one sandbox may call, its successor may not.
  ASSERT_TRUE(box.Allow(kNeverAllowed).ok());
  EXPECT_EQ(box.Call(kCallUnallowed)->Unchecked(), 0);
  ASSERT_TRUE(box.Destroy().ok());
  box = *Sandbox::Create("box");
  EXPECT_EQ(box.Call(kCallUnallowed)->Unchecked(), kDenied);
}

TEST_F(CallbacksTest, NestAndComeBack) {
  RETURN_WITHOUT_SANDBOXES();
  ASSERT_TRUE(box.Allow(kInTheRoot).ok());
  for (const int depth : {1, 2, 5, 12}) {
    EXPECT_EQ(box.Call(kInTheBox, depth)->Unchecked(), depth);
  }
  // Deeper than a thread's frames: an error where it happens, and all the way
  // back.
  EXPECT_LT(box.Call(kInTheBox, 100)->Unchecked(), 100);
  EXPECT_EQ(bh_current().id, 0u);
  EXPECT_EQ(box.Call(kInTheBox, 3)->Unchecked(), 3);
}

TEST_F(CallbacksTest, TheRootItselfIsNoCompartmentToCall) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_EQ(Root().Call(kTakeRow, 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(CallbacksTest, SharedMemoryGoesBothWays) {
  RETURN_WITHOUT_SANDBOXES();
  auto numbers = SharedArray<int>::Create(5);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  const int unsorted[] = {5, 3, 1, 4, 2};
  std::copy(unsorted, unsorted + 5, numbers->data());
  ASSERT_TRUE(box.Call(kSortIn, numbers->data(), numbers->size()).ok());
  EXPECT_EQ(numbers->CopyOut(), (std::vector<int>{1, 2, 3, 4, 5}));
  bh_compartment shared = {};
  ASSERT_EQ(bh_shared(&shared), BH_OK);
  EXPECT_EQ(bh_is_inside(shared, numbers->data(), 5 * sizeof(int)), 1);
  EXPECT_EQ(bh_is_inside(box.compartment().handle(), numbers->data(), 4), 0);
  EXPECT_EQ(bh_is_inside(shared, numbers->data(), SIZE_MAX), 0);
  EXPECT_EQ(bh_is_inside(shared, unsorted, 4), 0);
}

TEST_F(CallbacksTest, ValuesAreCheckedFirst) {
  RETURN_WITHOUT_SANDBOXES();
  const auto number = box.Call(kGiveNumber);
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(*number->Check([](int n) { return n > 4000; }), 4711);
  EXPECT_EQ(number->Check([](int n) { return n < 100; }).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(CallbacksTest, AVaultMayCallASandbox) {
  RETURN_WITHOUT_SANDBOXES();
  auto vault = Compartment::Create("vault");
  ASSERT_TRUE(vault.ok()) << vault.status();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(*vault->Call(kCallBoxFromVault, i), 4711 + i);
  }
  EXPECT_TRUE(vault->Destroy().ok());
}

}  // namespace
