// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What bh_stats() counts, compared with what a program did.

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/statistics/snapshot.h"
#include "tests/support/child.h"
#include "tests/support/scale.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::Await;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;
using bulkhead_test::Snapshot;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

// A class that nothing else in these tests uses, what reads snapshots included.
constexpr size_t kSize = 2560;
// Of it, a refill brings as many, and a cache holds twice as many.
constexpr uint64_t kBatch = 16;

uint64_t Root(const Snapshot& snapshot, const char* field) {
  return snapshot.Class("root", kSize, field);
}

template <size_t kCount>
struct Blocks {
  explicit Blocks(size_t size) {
    for (void*& block : all) block = malloc(size);
  }
  void Free() {
    for (void* block : all) free(block);
  }
  std::array<void*, kCount> all;
};

TEST(StatisticsTest, OneThreadExactly) {
  const Snapshot before;
  ASSERT_EQ(Root(before, "allocations"), 0u);
  Blocks<kBatch + 1> blocks(kSize);
  const Snapshot during;
  EXPECT_EQ(Root(during, "live"), kBatch + 1);
  EXPECT_EQ(Root(during, "cached"), kBatch - 1);
  EXPECT_EQ(Root(during, "allocations"), 2 * kBatch);
  EXPECT_EQ(Root(during, "frees"), 0u);
  EXPECT_EQ(Root(during, "refills"), 2u);
  EXPECT_EQ(Root(during, "flushes"), 0u);
  EXPECT_EQ(Root(during, "monitor_entries"), 2u);
  blocks.Free();
  const Snapshot after;
  EXPECT_EQ(Root(after, "live"), 0u);
  EXPECT_EQ(Root(after, "cached"), 2 * kBatch);
  EXPECT_EQ(Root(after, "flushes"), 0u);
  // The bin is full: one more makes half of them go back.
  Blocks<2 * kBatch + 1> more(kSize);
  more.Free();
  const Snapshot last;
  EXPECT_EQ(Root(last, "live"), 0u);
  EXPECT_EQ(Root(last, "allocations"), 3 * kBatch);
  EXPECT_EQ(Root(last, "refills"), 3u);
  EXPECT_EQ(Root(last, "frees"), kBatch);
  EXPECT_EQ(Root(last, "flushes"), 1u);
  EXPECT_EQ(Root(last, "monitor_entries"), 4u);
  EXPECT_EQ(Root(last, "cached"), 2 * kBatch);
}

TEST(StatisticsTest, LargeBlocksOneByOne) {
  constexpr size_t kCached = size_t{56} << 10;
  constexpr size_t kUncached = size_t{5} << 20;
  Blocks<4> cached(kCached);
  Blocks<2> uncached(kUncached);
  const Snapshot during;
  EXPECT_EQ(during.Class("root", kCached, "live"), 4u);
  EXPECT_EQ(during.Class("root", kCached, "refills"), 0u);
  EXPECT_EQ(during.Class("root", kCached, "monitor_entries"), 4u);
  EXPECT_EQ(during.Class("root", kUncached, "live"), 2u);
  EXPECT_EQ(during.Class("root", kUncached, "monitor_entries"), 2u);
  cached.Free();
  uncached.Free();
  const Snapshot after;
  EXPECT_EQ(after.Class("root", kUncached, "live"), 0u);
  EXPECT_EQ(after.Class("root", kUncached, "cached"), 0u);
  EXPECT_EQ(after.Class("root", kUncached, "frees"), 2u);
  EXPECT_EQ(after.Class("root", kUncached, "flushes"), 0u);
  EXPECT_EQ(after.Class("root", kUncached, "monitor_entries"), 4u);
  // How many a cache keeps depends on the heap; the others go back one by one.
  EXPECT_EQ(after.Class("root", kCached, "live"), 0u);
  const uint64_t kept = after.Class("root", kCached, "cached");
  const uint64_t returned = after.Class("root", kCached, "frees");
  EXPECT_GE(kept, 1u);
  EXPECT_EQ(kept + returned, 4u);
  EXPECT_EQ(after.Class("root", kCached, "flushes"), 0u);
  EXPECT_EQ(after.Class("root", kCached, "monitor_entries"), 4u + returned);
}

TEST(StatisticsTest, ABlockOfAnotherThread) {
  constexpr size_t kOther = 3584;
  Blocks<5> blocks(kOther);
  std::atomic<int> step{0};
  std::thread other([&] {
    blocks.Free();
    step = 1;
    Await([&] { return step == 2; });
  });
  ASSERT_TRUE(Await([&] { return step == 1; }));
  const Snapshot freed;
  EXPECT_EQ(freed.Class("root", kOther, "live"), 0u);
  EXPECT_EQ(freed.Class("root", kOther, "cached"), kBatch);
  EXPECT_EQ(freed.Heap("root", "caches"), 2u);
  step = 2;
  other.join();
  const Snapshot after;
  EXPECT_EQ(after.Class("root", kOther, "frees"), 5u);
  EXPECT_EQ(after.Class("root", kOther, "cached"), kBatch - 5);
  EXPECT_EQ(after.Class("root", kOther, "flushes"), 1u);
  // Kept for the next thread.
  EXPECT_EQ(after.Heap("root", "caches"), 2u);
}

TEST(StatisticsTest, CachesAreNoBlocksOfTheProgram) {
  constexpr size_t kCacheSize = size_t{128} << 10;
  const Snapshot before;
  std::thread([] { free(malloc(1)); }).join();
  const Snapshot after;
  for (const char* field :
       {"live", "allocations", "frees", "monitor_entries"}) {
    EXPECT_EQ(after.Class("root", kCacheSize, field),
              before.Class("root", kCacheSize, field));
  }
}

TEST(StatisticsTest, ResizingInPlace) {
  constexpr size_t kFrom = size_t{6} << 20;
  constexpr size_t kTo = size_t{8} << 20;
  void* const block = malloc(kFrom);
  ASSERT_NE(block, nullptr);
  void* const resized = realloc(block, kTo);
  const Snapshot after;
  EXPECT_EQ(after.Class("root", kFrom, "live"), 0u);
  EXPECT_EQ(after.Class("root", kTo, "live"), 1u);
  free(resized);
}

TEST(StatisticsTest, WhatIsResident) {
  constexpr size_t kLarge = size_t{12} << 20;
  char* const block = static_cast<char*>(malloc(kLarge));
  ASSERT_NE(block, nullptr);
  const Snapshot untouched;
  EXPECT_LT(untouched.Class("root", kLarge, "resident_bytes"), kLarge / 2);
  memset(block, 1, kLarge);
  const Snapshot touched;
  EXPECT_EQ(touched.Class("root", kLarge, "resident_bytes"), kLarge);
  EXPECT_GE(touched.Heap("root", "resident_bytes"),
            untouched.Heap("root", "resident_bytes") + kLarge / 2);
  free(block);
  malloc_trim(0);
  const Snapshot freed;
  EXPECT_EQ(freed.Class("root", kLarge, "resident_bytes"), 0u);
  EXPECT_LT(freed.Heap("root", "resident_bytes"),
            touched.Heap("root", "resident_bytes") - kLarge / 2);
  EXPECT_GT(freed.Heap("root", "cache_bytes"), 0u);
  EXPECT_GT(freed.Heap("root", "live_map_bytes"), 0u);
  EXPECT_EQ(freed.Heap("root", "stack_bytes"), 0u);
}

TEST(StatisticsTest, EveryCallOfTheMonitor) {
  auto vault = Compartment::Create("counted");
  ASSERT_TRUE(vault.ok()) << vault.status();
  static char texts[3][1 << 16];
  bool well = bh_stats(texts[0], sizeof(texts[0]), nullptr) == BH_OK;
  well &= bh_stats(texts[1], sizeof(texts[1]), nullptr) == BH_OK;
  well &= vault->Allocate(100) != nullptr;
  well &= bh_stats(texts[2], sizeof(texts[2]), nullptr) == BH_OK;
  ASSERT_TRUE(well);
  const Snapshot last(texts[2]);
  const uint64_t entries[] = {
      Snapshot(texts[0]).Heap("root", "monitor_entries"),
      Snapshot(texts[1]).Heap("root", "monitor_entries"),
      last.Heap("root", "monitor_entries")};
  const uint64_t of_a_snapshot = entries[1] - entries[0];
  EXPECT_GT(of_a_snapshot, 0u);
  // The block was allocated from outside.
  EXPECT_EQ(entries[2], entries[1] + of_a_snapshot + 1);
  EXPECT_EQ(last.Class("counted", 112, "live"), 1u);
  EXPECT_EQ(last.Class("counted", 112, "monitor_entries"), 1u);
  EXPECT_EQ(last.Heap("counted", "monitor_entries"), 0u);
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
}

uintptr_t AllocateInside(size_t size) {
  return reinterpret_cast<uintptr_t>(malloc(size));
}
BULKHEAD_ENTRY(kAllocateInOne, "one", AllocateInside);
BULKHEAD_ENTRY(kAllocateInTwo, "two", AllocateInside);

void FreeInside(uintptr_t block) { free(reinterpret_cast<void*>(block)); }
BULKHEAD_ENTRY(kFreeInOne, "one", FreeInside);

TEST(StatisticsTest, CompartmentsApart) {
  auto one = Compartment::Create("one");
  auto two = Compartment::Create("two");
  ASSERT_TRUE(one.ok() && two.ok());
  const Snapshot before;
  for (const char* name : {"one", "two"}) {
    EXPECT_EQ(before.Heap(name, "allocations"), 0u);
    EXPECT_EQ(before.Heap(name, "caches"), 0u);
    EXPECT_EQ(before.Heap(name, "stack_bytes"), 0u);
  }
  const auto block = one->Call(kAllocateInOne, size_t{100});
  ASSERT_TRUE(block.ok());
  ASSERT_TRUE(one->Call(kAllocateInOne, size_t{5000}).ok());
  ASSERT_TRUE(two->Call(kAllocateInTwo, size_t{100}).ok());
  const Snapshot during;
  // Caches in vaults need keys.
  const uint64_t cached = HasKeys() ? 30 : 0;
  EXPECT_EQ(during.Class("one", 112, "live"), 1u);
  EXPECT_EQ(during.Class("one", 112, "cached"), cached);
  EXPECT_EQ(during.Class("one", 112, "allocations"), 1 + cached);
  EXPECT_EQ(during.Class("one", 112, "refills"), HasKeys() ? 1u : 0u);
  EXPECT_EQ(during.Class("one", 112, "monitor_entries"), 1u);
  EXPECT_EQ(during.Class("one", 5120, "live"), 1u);
  EXPECT_EQ(during.Heap("one", "live"), 2u);
  EXPECT_EQ(during.Heap("one", "live_bytes"), 112u + 5120u);
  EXPECT_EQ(during.Heap("two", "live"), 1u);
  EXPECT_EQ(during.Heap("one", "caches"), HasKeys() ? 1u : 0u);
  EXPECT_GT(during.Heap("one", "monitor_entries"), 0u);
  EXPECT_GT(during.Heap("one", "stack_bytes"), 0u);
  EXPECT_EQ(one->Call(kFreeInOne, *block), absl::OkStatus());
  const Snapshot after;
  EXPECT_EQ(after.Class("one", 112, "live"), 0u);
  EXPECT_EQ(after.Class("one", 112, "cached"), HasKeys() ? 31u : 0u);
  EXPECT_EQ(after.Heap("two", "live"), 1u);
  // A successor in the same row begins at 0; the process's count goes on.
  EXPECT_EQ(one->Destroy(), absl::OkStatus());
  const Snapshot destroyed;
  EXPECT_FALSE(destroyed.HasHeap("one"));
  EXPECT_GT(destroyed.json()["monitor_entries"].number,
            after.json()["monitor_entries"].number);
  const uint32_t row = one->handle().id;
  one = Compartment::Create("successor");
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->handle().id, row);
  const Snapshot last;
  for (const char* field :
       {"allocations", "frees", "live", "caches", "monitor_entries"}) {
    EXPECT_EQ(last.Heap("successor", field), 0u) << field;
  }
  bh_heap_stats stats;
  ASSERT_EQ(bh_get_heap_stats(one->handle(), &stats), BH_OK);
  EXPECT_EQ(stats.allocations, 0u);
  EXPECT_EQ(one->Destroy(), absl::OkStatus());
  EXPECT_EQ(two->Destroy(), absl::OkStatus());
}

TEST(StatisticsTest, InAForkedChild) {
  constexpr size_t kOther = 3072;
  auto vault = Compartment::Create("one");
  ASSERT_TRUE(vault.ok()) << vault.status();
  std::atomic<int> step{0};
  void* kept = nullptr;
  std::thread other([&] {
    kept = malloc(kOther);
    vault->Call(kAllocateInOne, size_t{200}).IgnoreError();
    step = 1;
    Await([&] { return step == 2; });
  });
  ASSERT_TRUE(Await([&] { return step == 1; }));
  const ChildResult child = RunInChild([&] {
    const Snapshot snapshot;
    EXPECT_EQ(snapshot.json()["pid"].number, static_cast<uint64_t>(getpid()));
    EXPECT_EQ(snapshot.Class("root", kOther, "live"), 1u);
    EXPECT_EQ(snapshot.Class("root", kOther, "cached"), 0u);
    EXPECT_EQ(snapshot.Class("root", kOther, "abandoned"), kBatch - 1);
    EXPECT_EQ(snapshot.Class("one", 224, "live"), 1u);
    EXPECT_EQ(snapshot.Class("one", 224, "abandoned"), HasKeys() ? 30u : 0u);
    free(kept);
    const Snapshot freed;
    EXPECT_EQ(freed.Class("root", kOther, "live"), 0u);
    EXPECT_EQ(freed.Class("root", kOther, "cached"), 1u);
    EXPECT_EQ(freed.Class("root", kOther, "abandoned"), kBatch - 1);
    if (testing::Test::HasFailure()) _exit(1);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  const Snapshot parent;
  EXPECT_EQ(parent.Class("root", kOther, "live"), 1u);
  EXPECT_EQ(parent.Class("root", kOther, "cached"), kBatch - 1);
  EXPECT_EQ(parent.Class("root", kOther, "abandoned"), 0u);
  step = 2;
  other.join();
  free(kept);
  EXPECT_EQ(vault->Destroy(), absl::OkStatus());
}

TEST(StatisticsTest, Mallinfo2SaysTheSame) {
  Blocks<20> blocks(7000);
  const struct mallinfo2 info = mallinfo2();
  const Snapshot snapshot;
  EXPECT_EQ(info.uordblks, snapshot.Heap("root", "live_bytes"));
  EXPECT_EQ(info.smblks, snapshot.Heap("root", "cached"));
  EXPECT_EQ(info.fsmblks, snapshot.Heap("root", "cached_bytes"));
  EXPECT_EQ(info.ordblks, snapshot.Heap("root", "free_blocks"));
  EXPECT_EQ(info.arena, snapshot.Heap("root", "active_bytes") +
                            snapshot.Heap("root", "dirty_bytes"));
  EXPECT_EQ(info.keepcost, snapshot.Heap("root", "dirty_bytes"));
  EXPECT_EQ(info.hblks, 0u);
  EXPECT_EQ(info.hblkhd, 0u);
  EXPECT_GE(info.fordblks, info.fsmblks);
  blocks.Free();
}

// Each thread takes its blocks of whole pages where no other does, as far as
// there are places; another frees them.
TEST(StatisticsTest, LargeBlocksOfManyThreads) {
  static constexpr uint64_t kThreads = 12;
  static constexpr size_t kUncached = size_t{7} << 20;
  const Snapshot before;
  std::vector<std::unique_ptr<Blocks<3>>> taken(kThreads);
  std::vector<std::thread> threads;
  std::atomic<uint64_t> done{0};
  for (auto& blocks : taken) {
    threads.emplace_back([&blocks, &done] {
      blocks = std::make_unique<Blocks<3>>(kUncached);
      ++done;
      Await([&done] { return done == kThreads; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Snapshot during;
  EXPECT_EQ(during.Class("root", kUncached, "live"), 3 * kThreads);
  EXPECT_EQ(during.Class("root", kUncached, "allocations"), 3 * kThreads);
  EXPECT_EQ(during.Class("root", kUncached, "monitor_entries"), 3 * kThreads);
  EXPECT_GE(during.Heap("root", "active_bytes"),
            before.Heap("root", "active_bytes") + 3 * kThreads * kUncached);
  for (auto& blocks : taken) blocks->Free();
  const Snapshot after;
  EXPECT_EQ(after.Class("root", kUncached, "live"), 0u);
  EXPECT_EQ(after.Class("root", kUncached, "frees"), 3 * kThreads);
  EXPECT_GE(after.Heap("root", "dirty_bytes"), 3 * kThreads * kUncached);
  malloc_trim(0);
  const Snapshot trimmed;
  EXPECT_LT(trimmed.Heap("root", "dirty_bytes"), kUncached);
}

// This program again, as one that runs another case and writes its counts at
// the end.
TEST(AtExitTest, ByOption) {
  const ChildResult child = RunInChild([] {
    setenv("BULKHEAD_OPTIONS", "stats_json=/dev/stderr", 1);
    execl("/proc/self/exe", "statistics_test",
          "--gtest_filter=StatisticsTest.LargeBlocksOneByOne", nullptr);
    _exit(99);
  });
  ASSERT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  ASSERT_EQ(child.errors.find('\n'), child.errors.size() - 1) << child.errors;
  const Snapshot snapshot(
      child.errors.substr(0, child.errors.size() - 1).c_str());
  EXPECT_EQ(snapshot.json()["pid"].number, static_cast<uint64_t>(child.pid));
  EXPECT_EQ(snapshot.Class("root", size_t{5} << 20, "frees"), 2u);
}

TEST(BufferTest, SaysWhatItNeeds) {
  size_t needed = 0;
  EXPECT_EQ(bh_stats(nullptr, 0, &needed), BH_ERR_BUFFER);
  ASSERT_GT(needed, 100u);
  EXPECT_EQ(bh_stats(nullptr, 0, nullptr), BH_ERR_BUFFER);
  char small[16] = "unchanged";
  EXPECT_EQ(bh_stats(small, sizeof(small), &needed), BH_ERR_BUFFER);
  EXPECT_STREQ(small, "");
  EXPECT_GT(needed, sizeof(small));
}

TEST(BufferTest, FitsToTheByte) {
  static char buffer[1 << 16];
  size_t needed = 0;
  ASSERT_EQ(bh_stats(buffer, sizeof(buffer), &needed), BH_OK);
  // Counts of trips may grow by a digit: none is at 9, 99, 999 twice.
  for (int i = 0; i < 3; ++i) {
    memset(buffer, '!', sizeof(buffer));
    const size_t size = needed;
    if (bh_stats(buffer, size, &needed) != BH_OK) {
      EXPECT_GT(needed, size);
      EXPECT_STREQ(buffer, "");
      continue;
    }
    EXPECT_EQ(strlen(buffer) + 1, needed);
    EXPECT_EQ(buffer[size], '!');
    buffer[needed - 1] = '!';
    EXPECT_EQ(bh_stats(buffer, needed - 1, &needed), BH_ERR_BUFFER);
    EXPECT_STREQ(buffer, "");
    return;
  }
  FAIL() << "a text of " << needed << " bytes never fitted";
}

TEST(BufferTest, InCxx) {
  const auto text = bulkhead::Statistics();
  ASSERT_TRUE(text.ok()) << text.status();
  bulkhead_test::Json json;
  EXPECT_TRUE(bulkhead_test::ParseJson(text->c_str(), json)) << *text;
  EXPECT_EQ(json["level"].text, HasKeys() ? "pku" : "mprotect");
  EXPECT_NE(json["program"].text.find("statistics_test"), std::string::npos);
}

}  // namespace
