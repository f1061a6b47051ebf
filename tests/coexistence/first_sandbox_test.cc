// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The first sandbox of a process gives the root's memory a key: not what
// carries another user's. A program of its own, for there is one first.

#include <sys/mman.h>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/coexistence/other_user.h"
#include "tests/sandboxes/means.h"
#include "tests/support/mappings.h"
#include "tests/support/scale.h"

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead_test::Bits;
using ::bulkhead_test::FindMapping;
using ::bulkhead_test::HasKeys;
using ::bulkhead_test::kClosed;
using ::bulkhead_test::kNoBits;
using ::bulkhead_test::OtherUser;
using ::bulkhead_test::SetBits;

// A sandbox has the bits of its caller.
int Peek(int key, const volatile char* page) {
  return Bits(key) == 0 ? page[1] : 1000;
}
BULKHEAD_ENTRY(kPeek, "box", Peek);

TEST(FirstSandboxTest, LeavesOthersPagesToThem) {
  const bulkhead_test::Watchdog watchdog;
  const OtherUser user;
  const int bits = SetBits(user.key(), kClosed);
  EXPECT_EQ(bits, HasKeys() ? kClosed : kNoBits);
  auto* const own = static_cast<char*>(
      mmap(nullptr, OtherUser::kPageBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(own, MAP_FAILED);
  const auto box = Sandbox::Create("box");
  EXPECT_EQ(Bits(user.key()), bits);
  user.ExpectPages();
  ASSERT_EQ(box.ok(), bulkhead_test::MayHaveSandboxes()) << box.status();
  if (!box.ok()) return;
  // The root's are closed, so that the look above could fail.
  EXPECT_GT(FindMapping(own).key, 0);
  EXPECT_NE(FindMapping(own).key, user.key());
  // What the caller has open is open inside: docs/limits.md.
  SetBits(user.key(), 0);
  const auto seen = box->Call(kPeek, user.key(), user.pages());
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->Unchecked(), 7);
  EXPECT_TRUE(box->Destroy().ok());
  user.ExpectPages();
}

}  // namespace
