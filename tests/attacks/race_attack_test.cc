// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Threads that do at the same time what must happen once: free one block, or
// use a heap that is being destroyed.

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>

#include <array>
#include <atomic>
#include <thread>

#include "allocator/heap/heap_monitor.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/thread/call_monitor.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

bh_result Ask(MonitorCall call, uint64_t a0, uint64_t a1 = 0, uint64_t a2 = 0) {
  return CallMonitor(*CurrentRecord(), call, a0, a1, a2);
}

// Lets two threads go on together, again and again.
class Meeting {
 public:
  void Attend() {
    const int both = (arrived_++ / 2 + 1) * 2;
    for (int tries = 1; arrived_ < both; ++tries) {
      // At once, if the other one has a processor.
      if (tries % 1024 == 0) sched_yield();
    }
  }

 private:
  std::atomic<int> arrived_{0};
};

TEST(RaceAttackTest, OneOfTwoFreesABlock) {
  const Watchdog watchdog;
  constexpr size_t kSizes[] = {100, 20000, 3000000};
  for (const size_t size : kSizes) {
    const int rounds = Scaled(5000);
    Meeting begins, ends;
    uint64_t block = 0;
    std::atomic<int> freed{0};
    int wrong = 0;
    RunThreads(2, [&](int thread) {
      for (int i = 0; i < rounds; ++i) {
        if (thread == 0) {
          block = Ask(MonitorCall::kAllocate, 0, size, 16).value;
          freed = 0;
        }
        begins.Attend();
        const bh_result result = Ask(MonitorCall::kFree, block);
        if (result.status == static_cast<uint64_t>(FreeStatus::kDone)) ++freed;
        ends.Attend();
        if (thread == 0 && freed != 1) ++wrong;
      }
    });
    EXPECT_EQ(wrong, 0) << "of " << rounds << " blocks of " << size;
  }
}

TEST(RaceAttackTest, ABlockIsResizedWhileItIsFreed) {
  const Watchdog watchdog;
  for (const size_t size : {size_t{20000}, size_t{3000000}}) {
    std::array<uint64_t, 32> blocks = {};
    Meeting meeting;
    int freed = 0;
    RunThreads(2, [&](int thread) {
      for (int i = 0; i < Scaled(1000); ++i) {
        meeting.Attend();
        if (thread == 0) {
          for (uint64_t& block : blocks) {
            // What the other one was refused.
            Ask(MonitorCall::kFree, block);
            block = Ask(MonitorCall::kAllocate, 0, size, 16).value;
          }
        }
        for (const uint64_t& block : blocks) {
          meeting.Attend();
          // Whichever comes second may be refused.
          if (thread == 0) {
            Ask(MonitorCall::kResize, block, 2 * size);
          } else if (Ask(MonitorCall::kFree, block).status ==
                     static_cast<uint64_t>(FreeStatus::kDone)) {
            ++freed;
          }
        }
      }
    });
    EXPECT_GT(freed, 0) << "blocks of " << size;
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(RaceAttackTest, AHeapIsUsedFromOutsideWhileItIsDestroyed) {
  const Watchdog watchdog;
  std::atomic<uint64_t> handle{0};
  const BusyThreads users(2, [&handle] {
    const uint64_t now = handle;
    const bh_compartment target = {static_cast<uint32_t>(now),
                                   static_cast<uint32_t>(now >> 32)};
    for (size_t size = 16; size < 100000; size *= 3) bh_malloc(target, size);
    malloc_trim(0);
  });
  for (int i = 0; i < Scaled(3000); ++i) {
    bh_compartment made;
    ASSERT_EQ(bh_create("target", nullptr, &made), BH_OK);
    handle = made.id | uint64_t{made.generation} << 32;
    sched_yield();
    bh_status status;
    while ((status = bh_destroy(made)) == BH_ERR_BUSY) sched_yield();
    ASSERT_EQ(status, BH_OK);
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

}  // namespace
}  // namespace bulkhead
