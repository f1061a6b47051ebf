// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// fork() while other threads hold Bulkhead's locks: the child finds them free,
// and what they guard as it should be.

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/monitor/annotations.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::BusyThreads;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

// After this a child is stuck, however slow the machine.
constexpr unsigned kChildSeconds = 30;

bool Work() { return AllocateInManyClasses(); }
BULKHEAD_ENTRY(kWork, "of-the-child", Work);

// Everything that takes a lock: in a child that is to be well.
void UseEverything() {
  alarm(kChildSeconds);
  if (!AllocateInManyClasses()) _exit(1);
  auto made = Compartment::Create("of-the-child");
  if (!made.ok()) _exit(2);
  const auto worked = made->Call(kWork);
  if (!worked.ok() || !*worked) _exit(3);
  std::thread([] {
    if (!AllocateInManyClasses()) _exit(4);
  }).join();
  if (!made->Destroy().ok()) _exit(5);
  malloc_trim(0);
}

constexpr int kForks = 100;

void ForkBeside(const std::function<void()>& load, int forks = kForks) {
  const Watchdog watchdog;
  const BusyThreads busy(2, load);
  for (int i = 0; i < Scaled(forks, 20); ++i) {
    const ChildResult child = RunInChild(UseEverything);
    ASSERT_TRUE(child.ExitedWith(0))
        << "fork number " << i << ": " << child.code << child.errors;
  }
}

TEST(ForkAttackTest, WhileCompartmentsComeAndGo) {
  static std::atomic<int> number{0};
  ForkBeside([] {
    auto made = Compartment::Create("c" + std::to_string(number++));
    if (!made.ok()) abort();
    if (!made->Destroy().ok()) abort();
  });
}

TEST(ForkAttackTest, WhileAHeapGrowsAndIsPurged) {
  ForkBeside([] {
    for (const size_t size : {size_t{100}, size_t{20000}, size_t{5} << 20}) {
      void* const block = malloc(size);
      __asm__ volatile("" : : "r"(block) : "memory");
      free(block);
    }
    malloc_trim(0);
  });
}

TEST(ForkAttackTest, WhileThreadsComeAndGo) {
  // Threads that do nothing, often: the lock of their records is held briefly.
  ForkBeside([] { std::thread([] {}).join(); }, 5 * kForks);
}

// Whether the thread of this process waits for something. Without streams:
// fork() holds their locks.
bool IsAsleep(int tid) {
  char text[512] = {};
  const int file = open(absl::StrCat("/proc/self/task/", tid, "/stat").c_str(),
                        O_RDONLY | O_CLOEXEC);
  if (file < 0 || read(file, text, sizeof(text) - 1) <= 0) abort();
  close(file);
  // "TID (NAME) STATE ..."
  const char* const name_end = strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

// More processor time than a fork takes, in nanoseconds.
constexpr int64_t kLongerThanAFork = 100'000'000;

int64_t TimeOf(clockid_t clock) {
  timespec now = {};
  if (clock_gettime(clock, &now) != 0) abort();
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Forks while another thread holds the lock, until fork() waits for that,
// asleep or not, or the child has come about.
void ForkWhileHeld(void (*lock)(), void (*unlock)()) {
  const int forker = gettid();
  clockid_t clock;
  ASSERT_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
  std::atomic<int64_t> held_since{0};
  std::thread holder([&] {
    // Has its record and its cache by now.
    IsAsleep(forker);
    lock();
    held_since = TimeOf(clock);
    while (!IsAsleep(forker) && TimeOf(clock) - held_since < kLongerThanAFork) {
      std::this_thread::yield();
    }
    unlock();
  });
  while (held_since == 0) std::this_thread::yield();
  const ChildResult child = RunInChild(UseEverything);
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  holder.join();
}

TEST(ForkAttackTest, WhileTheListOfObjectsIsLookedThrough) {
  ForkWhileHeld(bulkhead::LockSearches, bulkhead::UnlockSearches);
}

TEST(ForkAttackTest, WhileRecordsAreChanged) {
  // With keys nobody but the monitor can take this one.
  if (bh_get_level() == BH_LEVEL_PKU) return;
  ForkWhileHeld(bulkhead::LockThreadRecords, bulkhead::UnlockThreadRecords);
}

}  // namespace
