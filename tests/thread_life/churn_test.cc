// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads come and go, each allocates and leaves blocks to others, and the
// process stays as it is.

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <iterator>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/huge_pages.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr size_t kSizes[] = {16, 100, 700, 3000, 9000, 20000};
constexpr size_t kKinds = std::size(kSizes);

// What a thread leaves to the thread of the next batch in its place.
struct Place {
  unsigned char* left[kKinds] = {};
  std::atomic<int>* failures = nullptr;
};

unsigned char* Take(size_t size) {
  auto* const block = static_cast<unsigned char*>(malloc(size));
  if (block != nullptr) block[0] = block[size - 1] = size % 251;
  return block;
}

bool Give(unsigned char* block, size_t size) {
  const bool intact = block != nullptr && block[0] == size % 251 &&
                      block[size - 1] == size % 251;
  free(block);
  return intact;
}

void* Live(void* raw_place) {
  auto& place = *static_cast<Place*>(raw_place);
  for (size_t kind = 0; kind < kKinds; ++kind) {
    const size_t size = kSizes[kind];
    unsigned char* const kept = Take(size);
    unsigned char* const passing = Take(size);
    if (place.left[kind] != nullptr && !Give(place.left[kind], size)) {
      ++*place.failures;
    }
    if (!Give(passing, size)) ++*place.failures;
    place.left[kind] = kept;
  }
  // libc frees its text after every destructor of the thread has run.
  if (strerror(99999) == nullptr) ++*place.failures;
  return nullptr;
}

// Runs batches of threads until `count` have come and gone. Returns what went
// wrong.
int Churn(int count, pthread_attr_t* attributes) {
  constexpr int kBatch = 20;
  std::atomic<int> failures{0};
  std::vector<Place> places(kBatch);
  for (Place& place : places) place.failures = &failures;
  for (int done = 0; done < count; done += kBatch) {
    pthread_t threads[kBatch];
    for (size_t i = 0; i < kBatch; ++i) {
      if (pthread_create(&threads[i], attributes, Live, &places[i]) != 0) {
        ADD_FAILURE() << "no thread after " << done;
        abort();
      }
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  }
  for (Place& place : places) {
    for (size_t kind = 0; kind < kKinds; ++kind) {
      if (!Give(place.left[kind], kSizes[kind])) ++failures;
    }
  }
  return failures;
}

const bool has_no_huge_pages = bulkhead_test::SwitchOffHugePages();

// Resident memory without pages that are free and wait for their next use.
size_t KeptBytes() {
  EXPECT_TRUE(has_no_huge_pages);
  malloc_trim(0);
  return ResidentBytes();
}

class Attributes {
 public:
  Attributes() {
    pthread_attr_init(&attributes_);
    pthread_attr_setstacksize(&attributes_, 64 << 10);
  }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  pthread_attr_t* get() { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

// The control on glibc shows that the test is right with fewer of them.
int Threads() { return Scaled(OnBulkhead() ? 100000 : 10000); }

TEST(ThreadChurn, AHundredThousandThreadsLeaveNothing) {
  const Watchdog watchdog(200);
  Attributes attributes;
  const int tenth = Threads() / 10;
  EXPECT_EQ(Churn(tenth, attributes.get()), 0);
  const size_t before = KeptBytes();
  EXPECT_EQ(Churn(Threads() - tenth, attributes.get()), 0);
  // A hundred bytes a thread would be nine million more.
  EXPECT_LT(KeptBytes(), before + 4 * kMiB);
}

// Here no thread gets the control block of one before it: each has a stack of
// its own, at an address that was never used. What the library keeps of a
// thread must find an heir all the same.
TEST(ThreadChurn, OnStacksOfTheirOwn) {
  const Watchdog watchdog;
  constexpr size_t kStackBytes = size_t{64} << 10;
  const auto few = static_cast<size_t>(Scaled(400, 100));
  const auto many = static_cast<size_t>(Scaled(4000, 1000));
  constexpr int kRounds = 3;
  const size_t bytes = (few + kRounds * many) * kStackBytes;
  void* const region = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(region, MAP_FAILED);
  char* stack = static_cast<char*>(region);
  const auto churn = [&stack](size_t count) {
    std::atomic<int> failures{0};
    Place place;
    place.failures = &failures;
    for (size_t i = 0; i < count; ++i, stack += kStackBytes) {
      pthread_attr_t attributes;
      pthread_attr_init(&attributes);
      pthread_attr_setstack(&attributes, stack, kStackBytes);
      pthread_t thread;
      if (pthread_create(&thread, &attributes, Live, &place) != 0) abort();
      pthread_join(thread, nullptr);
      pthread_attr_destroy(&attributes);
      madvise(stack, kStackBytes, MADV_DONTNEED);
    }
    for (size_t kind = 0; kind < kKinds; ++kind) {
      if (!Give(place.left[kind], kSizes[kind])) ++failures;
    }
    return failures.load();
  };
  EXPECT_EQ(churn(few), 0);
  // A page for each thread would be 4 MiB in every round. What is made for the
  // most that the kernel knows at one moment, of threads that have ended too,
  // is made once. The page tables of the stacks are no resident memory.
  bool settled = false;
  for (int round = 0; round < kRounds && !settled; ++round) {
    const size_t before = KeptBytes();
    EXPECT_EQ(churn(many), 0);
    settled = KeptBytes() < before + 3 * kMiB;
  }
  EXPECT_TRUE(settled);
  munmap(region, bytes);
}

// Many live at once, time and again: what was made for the most there ever were
// serves the next wave too.
TEST(ThreadChurn, WavesOfManyAtOnce) {
  const Watchdog watchdog;
  const int most = Scaled(300, 30);
  const auto wave = [most] {
    Attributes attributes;
    std::vector<pthread_t> threads(static_cast<size_t>(most));
    pthread_barrier_t all_live;
    pthread_barrier_init(&all_live, nullptr, static_cast<unsigned>(most));
    const auto live = [](void* barrier) -> void* {
      unsigned char* blocks[kKinds];
      for (size_t i = 0; i < kKinds; ++i) blocks[i] = Take(kSizes[i]);
      pthread_barrier_wait(static_cast<pthread_barrier_t*>(barrier));
      for (size_t i = 0; i < kKinds; ++i) {
        if (!Give(blocks[i], kSizes[i])) abort();
      }
      return nullptr;
    };
    for (pthread_t& thread : threads) {
      if (pthread_create(&thread, attributes.get(), live, &all_live) != 0) {
        abort();
      }
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    pthread_barrier_destroy(&all_live);
  };
  for (int i = 0; i < 3; ++i) wave();
  const size_t before = KeptBytes();
  for (int i = 0; i < 30; ++i) wave();
  // The stacks that libc keeps may have been used a little deeper; a page for
  // each thread that was would be nine times as much.
  EXPECT_LT(KeptBytes(), before + 4 * kMiB);
}

}  // namespace
}  // namespace bulkhead
