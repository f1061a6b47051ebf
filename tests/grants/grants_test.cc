// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Who may do what with a heap that something is granted on.

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/grants/table.h"
#include "tests/sandboxes/means.h"
#include "tests/support/child.h"
#include "tests/support/raw_thread.h"

namespace {

using ::absl::OkStatus;
using ::bulkhead::Access;
using ::bulkhead::Compartment;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::IsReportedRead;
using ::bulkhead_test::IsReportedWrite;
using ::bulkhead_test::kNumber;
using ::bulkhead_test::Make;
using ::bulkhead_test::MayHaveSandboxes;
using ::bulkhead_test::RawThread;
using ::bulkhead_test::ReportsRead;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::Table;

uint64_t Load(const volatile uint64_t* from) { return *from; }
void Store(volatile uint64_t* to, uint64_t value) { *to = value; }
BULKHEAD_ENTRY(kLoadInVault, "reader", Load);
BULKHEAD_ENTRY(kStoreInVault, "reader", Store);
BULKHEAD_ENTRY(kLoadInOther, "other", Load);
BULKHEAD_ENTRY(kLoadInBox, "box", Load);
BULKHEAD_ENTRY(kStoreInBox, "box", Store);

// An address on the table's own stack.
uintptr_t AddressOfLocal() {
  const volatile uint64_t local = 1;
  return reinterpret_cast<uintptr_t>(&local);
}
BULKHEAD_ENTRY(kAddressOfLocal, "table", AddressOfLocal);

bool GrantsInside(uint32_t id, uint32_t generation) {
  return bh_grant_everyone({id, generation}, BH_ACCESS_READ) == BH_ERR_DENIED;
}
BULKHEAD_ENTRY(kGrantsInside, "box", GrantsInside);

TEST(GrantsTest, NothingIsGrantedAtFirst) {
  const Table table;
  EXPECT_TRUE(IsReportedRead([&] { Load(table.number()); }));
  EXPECT_TRUE(IsReportedWrite([&] { Store(table.number(), 1); }));
}

TEST(GrantsTest, EveryoneMayReadAndNotWrite) {
  const Table table;
  const Compartment reader = Make("reader");
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  EXPECT_EQ(Load(table.number()), kNumber);
  EXPECT_EQ(*reader.Call(kLoadInVault, table.number()), kNumber);
  EXPECT_TRUE(IsReportedWrite([&] { Store(table.number(), 1); }));
  EXPECT_TRUE(IsReportedWrite(
      [&] { reader.Call(kStoreInVault, table.number(), 1).IgnoreError(); }));
  EXPECT_EQ(reader.Destroy(), OkStatus());
}

TEST(GrantsTest, WhoMayWriteMayFree) {
  const Table table;
  ASSERT_EQ(table.compartment().Grant(Compartment::Root(), Access::kReadWrite),
            OkStatus());
  Store(table.number(), 7);
  EXPECT_EQ(Load(table.number()), 7u);
  auto* block = static_cast<char*>(table.compartment().Allocate(100));
  ASSERT_NE(block, nullptr);
  block[99] = 1;
  free(block);
}

// Also by keys that the gate from the root opens alone.
TEST(GrantsTest, AVaultMayAndItsCallerMayNot) {
  const Table table;
  const Compartment reader = Make("reader");
  const Compartment other = Make("other");
  ASSERT_EQ(table.compartment().Grant(reader, Access::kRead), OkStatus());
  EXPECT_EQ(*reader.Call(kLoadInVault, table.number()), kNumber);
  EXPECT_TRUE(IsReportedRead([&] { Load(table.number()); }));
  EXPECT_TRUE(IsReportedRead(
      [&] { other.Call(kLoadInOther, table.number()).IgnoreError(); }));
  EXPECT_TRUE(IsReportedWrite(
      [&] { reader.Call(kStoreInVault, table.number(), 1).IgnoreError(); }));
  ASSERT_EQ(table.compartment().Grant(reader, Access::kReadWrite), OkStatus());
  EXPECT_EQ(reader.Call(kStoreInVault, table.number(), 1), OkStatus());
  ASSERT_EQ(table.compartment().Revoke(reader), OkStatus());
  EXPECT_TRUE(IsReportedRead(
      [&] { reader.Call(kLoadInVault, table.number()).IgnoreError(); }));
  EXPECT_EQ(reader.Destroy(), OkStatus());
  EXPECT_EQ(other.Destroy(), OkStatus());
}

TEST(GrantsTest, ASandboxMayAndTheRootMayNot) {
  if (!MayHaveSandboxes()) return;
  const Table table;
  const Compartment box = Make("box", BH_KIND_SANDBOX);
  EXPECT_TRUE(IsReportedRead(
      [&] { box.Call(kLoadInBox, table.number()).IgnoreError(); }));
  ASSERT_EQ(table.compartment().Grant(box, Access::kRead), OkStatus());
  EXPECT_EQ(*box.Call(kLoadInBox, table.number()), kNumber);
  EXPECT_TRUE(IsReportedRead([&] { Load(table.number()); }));
  EXPECT_TRUE(IsReportedWrite(
      [&] { box.Call(kStoreInBox, table.number(), 1).IgnoreError(); }));
  ASSERT_EQ(table.compartment().Grant(box, Access::kReadWrite), OkStatus());
  EXPECT_EQ(box.Call(kStoreInBox, table.number(), 1), OkStatus());
  const bh_compartment handle = table.compartment().handle();
  EXPECT_TRUE(*box.Call(kGrantsInside, handle.id, handle.generation));
  ASSERT_EQ(table.compartment().Revoke(box), OkStatus());
  EXPECT_EQ(box.Destroy(), OkStatus());
}

TEST(GrantsTest, EveryoneIncludesSandboxes) {
  if (!MayHaveSandboxes()) return;
  const Table table;
  const Compartment box = Make("box", BH_KIND_SANDBOX);
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  EXPECT_EQ(*box.Call(kLoadInBox, table.number()), kNumber);
  EXPECT_TRUE(IsReportedWrite(
      [&] { box.Call(kStoreInBox, table.number(), 1).IgnoreError(); }));
  EXPECT_EQ(box.Destroy(), OkStatus());
}

TEST(GrantsTest, StacksStayClosed) {
  const Table table;
  auto* const on_stack = reinterpret_cast<volatile uint64_t*>(
      *table.compartment().Call(kAddressOfLocal));
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kReadWrite), OkStatus());
  EXPECT_TRUE(IsReportedRead([&] { Load(on_stack); }));
  EXPECT_TRUE(IsReportedWrite([&] { Store(on_stack, 1); }));
}

TEST(GrantsTest, WhatOneAndEveryoneWereGrantedAddsUp) {
  const Table table;
  const Compartment& owner = table.compartment();
  ASSERT_EQ(owner.Grant(Compartment::Root(), Access::kReadWrite), OkStatus());
  ASSERT_EQ(owner.GrantEveryone(Access::kRead), OkStatus());
  Store(table.number(), kNumber);
  ASSERT_EQ(owner.Revoke(Compartment::Root()), OkStatus());
  EXPECT_EQ(Load(table.number()), kNumber);
  EXPECT_TRUE(IsReportedWrite([&] { Store(table.number(), 1); }));
  ASSERT_EQ(owner.RevokeFromEveryone(), OkStatus());
  EXPECT_TRUE(IsReportedRead([&] { Load(table.number()); }));
}

TEST(GrantsTest, ThreadsMadeAfterwardsMay) {
  const Table table;
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  uint64_t seen[2] = {};
  std::thread([&] {
    seen[0] = Load(table.number());
    free(malloc(100000));
    seen[0] += Load(table.number()) - kNumber;
  }).join();
  {
    const RawThread raw([&] { seen[1] = Load(table.number()); });
  }
  EXPECT_EQ(seen[0], kNumber);
  EXPECT_EQ(seen[1], kNumber);
}

volatile uint64_t* to_load = nullptr;
volatile uint64_t loaded = 0;

TEST(GrantsTest, HandlersMay) {
  const Table table;
  const Compartment other = Make("other");
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  to_load = table.number();
  signal(SIGUSR1, [](int) {
    free(malloc(100));
    loaded = *to_load;
  });
  raise(SIGUSR1);
  EXPECT_EQ(loaded, kNumber);
  EXPECT_EQ(Load(table.number()), kNumber);
  EXPECT_EQ(*other.Call(kLoadInOther, table.number()), kNumber);
  signal(SIGUSR1, SIG_DFL);
  EXPECT_EQ(other.Destroy(), OkStatus());
}

TEST(GrantsTest, ChildrenHaveThemAndRevokeForThemselves) {
  const Table table;
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  const ChildResult child = RunInChild([&] {
    if (Load(table.number()) != kNumber) _exit(2);
    if (!table.compartment().RevokeFromEveryone().ok()) _exit(3);
    Load(table.number());
  });
  EXPECT_TRUE(ReportsRead(child)) << child.code << child.errors;
  EXPECT_EQ(Load(table.number()), kNumber);
}

TEST(GrantsTest, EndWithTheOwner) {
  volatile uint64_t* number;
  {
    const Table table;
    number = table.number();
    ASSERT_EQ(table.compartment().GrantEveryone(Access::kReadWrite),
              OkStatus());
  }
  const Table next;
  EXPECT_TRUE(IsReportedRead([&] { Load(next.number()); }));
  EXPECT_FALSE(RunInChild([&] { Load(number); }).exited);
}

TEST(GrantsTest, EndWithWhoWasGrantedThem) {
  const Table table;
  {
    const Compartment reader = Make("reader");
    ASSERT_EQ(table.compartment().Grant(reader, Access::kRead), OkStatus());
    ASSERT_EQ(reader.Destroy(), OkStatus());
  }
  const Compartment reader = Make("reader");
  EXPECT_TRUE(IsReportedRead(
      [&] { reader.Call(kLoadInVault, table.number()).IgnoreError(); }));
  EXPECT_EQ(reader.Destroy(), OkStatus());
}

TEST(GrantsTest, OutliveADestructionThatFails) {
  const Table table;
  ASSERT_EQ(table.compartment().GrantEveryone(Access::kRead), OkStatus());
  const bh_compartment handle = table.compartment().handle();
  bh_status destroyed = BH_OK;
  ASSERT_EQ(
      table.compartment().WithScope([&] { destroyed = bh_destroy(handle); }),
      OkStatus());
  EXPECT_EQ(destroyed, BH_ERR_BUSY);
  EXPECT_EQ(Load(table.number()), kNumber);
}

TEST(GrantsTest, RefusesWhatCannotBe) {
  const Table table;
  const Compartment reader = Make("reader");
  const bh_compartment owner = table.compartment().handle();
  const bh_compartment to = reader.handle();
  EXPECT_EQ(bh_grant(to, owner, BH_ACCESS_READ), BH_ERR_NO_GRANTS);
  EXPECT_EQ(bh_grant_everyone(to, BH_ACCESS_READ), BH_ERR_NO_GRANTS);
  EXPECT_EQ(bh_grant(owner, owner, BH_ACCESS_READ), BH_ERR_OPTIONS);
  EXPECT_EQ(bh_grant(owner, to, static_cast<bh_access>(3)), BH_ERR_OPTIONS);
  EXPECT_EQ(bh_grant_everyone({0, 0}, BH_ACCESS_READ), BH_ERR_DESTROYED);
  ASSERT_EQ(reader.Destroy(), OkStatus());
  EXPECT_EQ(bh_grant(owner, to, BH_ACCESS_READ), BH_ERR_DESTROYED);
  EXPECT_EQ(bh_grant(to, owner, BH_ACCESS_READ), BH_ERR_DESTROYED);
  EXPECT_TRUE(IsReportedRead([&] { Load(table.number()); }));
}

}  // namespace
