// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// fork() while other threads hold Bulkhead's locks: the child finds them free,
// and what they guard as it should be.

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
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

}  // namespace
