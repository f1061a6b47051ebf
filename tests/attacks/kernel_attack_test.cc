// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the kernel writes for a thread when it ends: to the word that
// set_tid_address() named, and to the locks of its robust list. It does so in
// the rights that the thread has then.

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/layout.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/raw_thread.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::Await;
using bulkhead_test::RawThread;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

constexpr int kSecret = 0x5a5a5a5a;

int* MakeSecret() {
  auto* const secret = static_cast<int*>(malloc(sizeof(int)));
  *secret = kSecret;
  return secret;
}
BULKHEAD_ENTRY(kMakeSecret, "victim", MakeSecret);

int Read(const int* secret) { return *secret; }
BULKHEAD_ENTRY(kRead, "victim", Read);

// Runs `last_act` in a thread that then ends, by the kernel's hand alone, and
// waits until it is gone.
void EndAfter(const std::function<void()>& last_act) {
  std::atomic<int> tid{0};
  RawThread* const thread = new RawThread([&] {
    last_act();
    tid = static_cast<int>(syscall(SYS_gettid));
    syscall(SYS_exit, 0);
  });
  ASSERT_TRUE(Await([&] {
    return tid != 0 && syscall(SYS_tgkill, getpid(), tid.load(), 0) != 0;
  }));
  // Its destructor would wait for the word that was to be written elsewhere.
  static_cast<void>(thread);
}

class KernelAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("victim");
    ASSERT_TRUE(made.ok()) << made.status();
    victim = *made;
    secret = victim.Call(kMakeSecret).value();
  }
  void TearDown() override {
    EXPECT_EQ(victim.Call(kRead, secret).value(), kSecret);
    EXPECT_EQ(victim.Destroy(), absl::OkStatus());
  }

  Compartment victim{bh_compartment{0, 0}};
  int* secret = nullptr;
};

TEST_F(KernelAttackTest, AThreadsEndClearsNoWordOfAVault) {
  EndAfter([this] { syscall(SYS_set_tid_address, secret); });
}

TEST_F(KernelAttackTest, NorOfMetadata) {
  // A word that is not 0 and that nothing needs here: of a name.
  auto* const word =
      reinterpret_cast<int*>(bulkhead_compartments[victim.handle().id].name);
  const int before = *word;
  EndAfter([word] { syscall(SYS_set_tid_address, word); });
  EXPECT_EQ(*word != before, !HasKeys());
}

// The test above can tell: a word of the root's is cleared.
TEST_F(KernelAttackTest, TheCheckOfTheAttackWorks) {
  int own = 1;
  EndAfter([&own] { syscall(SYS_set_tid_address, &own); });
  EXPECT_EQ(own, 0);
}

// The kernel marks a lock of a thread that ends, if it holds the thread's id.
// The thread's own record does.
TEST_F(KernelAttackTest, AThreadsEndMarksNoLockInMetadata) {
  static robust_list entry;
  static robust_list_head head;
  ThreadRecord* record = nullptr;
  int before = 0;
  EndAfter([&] {
    record = CurrentRecord();
    before = record->tid;
    entry.next = &head.list;
    head.list.next = &entry;
    head.futex_offset = reinterpret_cast<intptr_t>(&record->tid) -
                        reinterpret_cast<intptr_t>(&entry);
    head.list_op_pending = nullptr;
    syscall(SYS_set_robust_list, &head, sizeof(head));
  });
  ASSERT_NE(before, 0);
  EXPECT_EQ(record->tid != before, !HasKeys());
}

}  // namespace
}  // namespace bulkhead
