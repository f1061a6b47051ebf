// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What a compartment may have at most: memory and threads.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"

namespace {

using ::bulkhead::Compartment;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kBlock = 20000;

// Until there is no more; how many bytes it were.
size_t Fill(bool keep) {
  void** last = nullptr;
  size_t bytes = 0;
  for (;;) {
    errno = 0;
    void* const block = malloc(kBlock);
    if (block == nullptr) break;
    memset(block, 1, kBlock);
    bytes += kBlock;
    *static_cast<void***>(block) = last;
    last = static_cast<void**>(block);
  }
  if (errno != ENOMEM) return 0;
  while (!keep && last != nullptr) {
    void** const next = static_cast<void**>(*last);
    free(last);
    last = next;
  }
  return bytes;
}
BULKHEAD_ENTRY(kFill, "small", Fill);
BULKHEAD_ENTRY(kFillBox, "box", Fill);
void Visit() {}
BULKHEAD_ENTRY(kVisit, "few", Visit);

uint64_t CommittedBytes(const Compartment& compartment) {
  bh_heap_stats stats = {};
  EXPECT_EQ(bh_get_heap_stats(compartment.handle(), &stats), BH_OK);
  return stats.committed_bytes;
}

TEST(QuotaTest, OfBytesEndsAllocation) {
  bh_options options = {};
  options.most_bytes = 24 * kMiB;
  const Compartment small = *Compartment::Create("small", options);
  const size_t first = *small.Call(kFill, false);
  EXPECT_GT(first, options.most_bytes / 2);
  EXPECT_LE(first, options.most_bytes);
  // What is given back can be had again.
  EXPECT_GT(*small.Call(kFill, true), first / 2);
  EXPECT_LE(CommittedBytes(small), options.most_bytes);
  // From outside, it is as full.
  EXPECT_EQ(small.Allocate(4 * kMiB), nullptr);
  EXPECT_EQ(small.Allocate(options.most_bytes), nullptr);
  // Nobody else is.
  free(malloc(4 * options.most_bytes));
  const Compartment other = *Compartment::Create("other");
  EXPECT_NE(other.Allocate(2 * options.most_bytes), nullptr);
  EXPECT_TRUE(other.Destroy().ok());
  EXPECT_TRUE(small.Destroy().ok());
}

TEST(QuotaTest, OfBytesEndsASandboxsToo) {
  if (!bulkhead_test::MayHaveSandboxes()) return;
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  options.most_bytes = 24 * kMiB;
  const Compartment box = *Compartment::Create("box", options);
  const size_t filled = *box.Call(kFillBox, true);
  EXPECT_GT(filled, options.most_bytes / 2);
  EXPECT_LE(filled, options.most_bytes);
  EXPECT_TRUE(box.Destroy().ok());
}

TEST(QuotaTest, IsOfOneCompartmentNotItsSuccessor) {
  bh_options options = {};
  options.most_bytes = 24 * kMiB;
  options.most_threads = 1;
  EXPECT_TRUE(Compartment::Create("small", options)->Destroy().ok());
  const Compartment next = *Compartment::Create("few");
  EXPECT_NE(next.Allocate(2 * options.most_bytes), nullptr);
  EXPECT_TRUE(next.Call(kVisit).ok());
  std::thread([&] { EXPECT_TRUE(next.Call(kVisit).ok()); }).join();
  EXPECT_TRUE(next.Destroy().ok());
}

TEST(QuotaTest, OfThreadsRefusesOneMore) {
  constexpr size_t kMost = 3;
  bh_options options = {};
  options.most_threads = kMost;
  const Compartment few = *Compartment::Create("few", options);
  std::mutex mutex;
  std::condition_variable changed;
  size_t visited = 0;
  bool may_end = false;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kMost; ++i) {
    threads.emplace_back([&] {
      EXPECT_TRUE(few.Call(kVisit).ok());
      std::unique_lock<std::mutex> lock(mutex);
      ++visited;
      changed.notify_all();
      changed.wait(lock, [&] { return may_end; });
      // Once in, a thread goes on being let in.
      EXPECT_TRUE(few.Call(kVisit).ok());
    });
  }
  {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return visited == kMost; });
  }
  EXPECT_EQ(few.Call(kVisit).code(), absl::StatusCode::kResourceExhausted);
  {
    const std::lock_guard<std::mutex> lock(mutex);
    may_end = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 20; ++i) {
    std::thread([&] { EXPECT_TRUE(few.Call(kVisit).ok()); }).join();
  }
  EXPECT_TRUE(few.Call(kVisit).ok());
  EXPECT_TRUE(few.Destroy().ok());
}

}  // namespace
