// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the monitor makes of a cache full of an attacker's pointers, and who
// uses such a cache. The root's lie on key 0, where everybody writes.

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "allocator/heap/allocation_bitmap.h"
#include "allocator/heap/heap_monitor.h"
#include "allocator/heap/thread_cache.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/thread/call_monitor.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr size_t kSmall = 112;
constexpr size_t kWholePages = 20000;

char* AllocateSecret(size_t size) {
  auto* const block = static_cast<char*>(malloc(size));
  if (block != nullptr) memset(block, 0x5a, size);
  return block;
}
BULKHEAD_ENTRY(kAllocateSecret, "victim", AllocateSecret);

bool IsIntact(const char* block, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (block[i] != 0x5a) return false;
  }
  return true;
}
BULKHEAD_ENTRY(kIsIntact, "victim", IsIntact);

// What vault code does for the root, or libc for it.
void* FillForTheRoot(size_t size) {
  void* const block = bh_malloc(bh_compartment{0, 0}, size);
  if (block != nullptr) memset(block, 0x41, size);
  return block;
}
BULKHEAD_ENTRY(kFillForTheRoot, "victim", FillForTheRoot);

// A block that the compiler does not know of.
void* Take(size_t size) {
  void* block = malloc(size);
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

CacheBin& BinOf(size_t size) {
  return CurrentRecord()->caches[0]->bins[Index(ClassOf(size))];
}

// Makes sure that the bin for `size` holds a block, the next to be flushed, and
// puts `planted` in its place. Returns the block.
uintptr_t Plant(size_t size, uintptr_t planted) {
  free(Take(size));
  CacheBin& bin = BinOf(size);
  if (bin.count == 0) abort();
  const uintptr_t was = bin.slots[0];
  bin.slots[0] = planted;
  return was;
}

uint64_t FlushOne(size_t size) {
  return CallMonitor(*CurrentRecord(), MonitorCall::kFlush,
                     Index(ClassOf(size)), 1)
      .status;
}

uint64_t Number(FreeStatus status) { return static_cast<uint64_t>(status); }

class FlushAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("victim");
    ASSERT_TRUE(made.ok()) << made.status();
    victim = *made;
    secret = victim.Call(kAllocateSecret, kSmall).value();
    large_secret = victim.Call(kAllocateSecret, kWholePages).value();
  }
  void TearDown() override { EXPECT_EQ(victim.Destroy(), absl::OkStatus()); }

  // What the monitor answers to a flush of `planted`.
  static void ExpectStatus(size_t size, const void* planted, FreeStatus status,
                           const char* what) {
    const uintptr_t was = Plant(size, reinterpret_cast<uintptr_t>(planted));
    EXPECT_EQ(FlushOne(size), Number(status)) << what << " of " << size;
    BinOf(size).slots[0] = was;
  }

  Compartment victim{bh_compartment{0, 0}};
  char* secret = nullptr;
  char* large_secret = nullptr;
};

TEST_F(FlushAttackTest, NothingButABlockOfTheBinIsFlushed) {
  for (const size_t size : {kSmall, kWholePages}) {
    auto* const own = static_cast<char*>(Take(size));
    void* const other_class = Take(4 * size);
    const char* const foreign = size == kSmall ? secret : large_secret;
    char local = 0;
    const ThreadRecord* const record = CurrentRecord();
    ExpectStatus(size, foreign, FreeStatus::kForeign, "a vault's block");
    ExpectStatus(size, foreign + 16, FreeStatus::kForeign, "inside a vault's");
    ExpectStatus(size, own + 16, FreeStatus::kInterior, "inside its own");
    ExpectStatus(size, own + 1, FreeStatus::kInterior, "inside its own");
    ExpectStatus(size, other_class, FreeStatus::kNothing, "another class's");
    ExpectStatus(size, record->caches[0], FreeStatus::kNothing, "a cache");
    ExpectStatus(size, record, FreeStatus::kNothing, "metadata");
    ExpectStatus(size, &local, FreeStatus::kNothing, "a stack");
    ExpectStatus(size, nullptr, FreeStatus::kNothing, "nothing");
    ExpectStatus(size, reinterpret_cast<void*>(~uintptr_t{15}),
                 FreeStatus::kNothing, "the kernel's");
    ExpectStatus(size, reinterpret_cast<void*>(uintptr_t{1} << 60),
                 FreeStatus::kNothing, "no address");
    free(own);
    free(other_class);
  }
  EXPECT_TRUE(victim.Call(kIsIntact, secret, kSmall).value());
  EXPECT_TRUE(victim.Call(kIsIntact, large_secret, kWholePages).value());
}

// The same block twice: among those of one flush, or of two.
TEST_F(FlushAttackTest, WhatIsFreeIsNotFlushed) {
  for (const size_t size : {kSmall, kWholePages}) {
    void* const block = Take(size);
    const uintptr_t was = Plant(size, reinterpret_cast<uintptr_t>(block));
    EXPECT_EQ(FlushOne(size), Number(FreeStatus::kDone));
    EXPECT_NE(FlushOne(size), Number(FreeStatus::kDone)) << size;
    BinOf(size).slots[0] = was;
  }
}

// Else a cache could give back what the next heap in the place never had out.
TEST_F(FlushAttackTest, NothingIsOutOfAHeapThatWasDestroyed) {
  auto made = Compartment::Create("victim2");
  ASSERT_TRUE(made.ok()) << made.status();
  std::vector<uintptr_t> blocks;
  for (int i = 0; i < 300; ++i) {
    blocks.push_back(reinterpret_cast<uintptr_t>(made->Allocate(kSmall)));
    ASSERT_TRUE(IsOut(bulkhead_heap_maps, blocks.back()));
  }
  EXPECT_EQ(made->Destroy(), absl::OkStatus());
  for (const uintptr_t block : blocks) {
    EXPECT_FALSE(IsOut(bulkhead_heap_maps, block));
  }
}

TEST_F(FlushAttackTest, AThreadThatEndsFreesNothingOfOthers) {
  std::thread([this] {
    Plant(kSmall, reinterpret_cast<uintptr_t>(secret));
    Plant(kWholePages, reinterpret_cast<uintptr_t>(large_secret));
    BinOf(2 * kSmall).count = 1u << 30;
    EXPECT_NE(CallMonitor(*CurrentRecord(), MonitorCall::kMarkExiting).status,
              0u);
  }).join();
  EXPECT_TRUE(victim.Call(kIsIntact, secret, kSmall).value());
  // A block that had been freed would be given out again.
  for (const size_t size : {kSmall, kWholePages}) {
    for (int i = 0; i < 200; ++i) {
      const char* const next = victim.Call(kAllocateSecret, size).value();
      ASSERT_NE(next, secret);
      ASSERT_NE(next, large_secret);
    }
  }
}

// What one of its blocks is to be, the root chooses; the vault writes to it.
TEST_F(FlushAttackTest, AVaultTakesNothingFromTheRootsCache) {
  for (const size_t size : {kSmall, kWholePages}) {
    char* const target = size == kSmall ? secret : large_secret;
    Plant(size, reinterpret_cast<uintptr_t>(target));
    CacheBin& bin = BinOf(size);
    for (uint32_t i = 0; i < bin.count; ++i) {
      bin.slots[i] = reinterpret_cast<uintptr_t>(target);
    }
    const void* const block = victim.Call(kFillForTheRoot, size).value();
    EXPECT_NE(block, target);
    EXPECT_EQ(bh_owner(block).id, 0u);
    EXPECT_TRUE(victim.Call(kIsIntact, target, size).value()) << size;
    bin.count = 0;
  }
}

// Another thread changes the slot all the time. Whatever the monitor loaded, it
// checked: a flush is done, or finds the other pointer.
TEST_F(FlushAttackTest, ASlotIsLoadedOnce) {
  const Watchdog watchdog;
  int found = 0;
  const int children = Scaled(60, 20);
  for (int i = 0; i < children; ++i) {
    const ChildResult child = RunInChild([this] {
      alarm(30);
      std::atomic<bool> begun{false};
      uintptr_t* const slot = &BinOf(kSmall).slots[0];
      const auto planted = reinterpret_cast<uintptr_t>(secret);
      std::atomic<uintptr_t> own{0};
      std::thread racer([&] {
        for (;;) {
          __atomic_store_n(slot, own.load(), __ATOMIC_RELAXED);
          begun = true;
          __atomic_store_n(slot, planted, __ATOMIC_RELAXED);
        }
      });
      for (int flush = 0; flush < 1000; ++flush) {
        // Not from the cache, where the planted pointer may be on top.
        own =
            CallMonitor(*CurrentRecord(), MonitorCall::kAllocate, 0, kSmall, 16)
                .value;
        begun = false;
        while (!begun) sched_yield();
        const uint64_t status = FlushOne(kSmall);
        if (status == Number(FreeStatus::kForeign)) _exit(77);
        // The racer may have been late with the block before.
        if (status != Number(FreeStatus::kDone) &&
            status != Number(FreeStatus::kFree)) {
          _exit(static_cast<int>(status));
        }
      }
      _exit(78);
    });
    ASSERT_TRUE(child.ExitedWith(77) || child.ExitedWith(78))
        << child.code << child.errors;
    if (child.ExitedWith(77)) ++found;
  }
  // How often the race comes out so depends on the machine's other work.
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace bulkhead
