// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Nothing left behind: memory that the program no longer uses goes back to the
// kernel, while the program runs.

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/busy_threads.h"
#include "tests/support/huge_pages.h"
#include "tests/support/scale.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Await;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;

const bool has_no_huge_pages = bulkhead_test::SwitchOffHugePages();

// Resident memory as the kernel adds it up over the mappings.
size_t ResidentBytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  std::string line;
  while (std::getline(rollup, line)) {
    if (line.rfind("Rss:", 0) == 0) return std::stoul(line.substr(4)) * kKiB;
  }
  ADD_FAILURE() << "/proc/self/smaps_rollup does not answer";
  return 0;
}

size_t AddressSpaceBytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4 * kKiB;
}

size_t Mappings() {
  std::ifstream maps("/proc/self/maps");
  return static_cast<size_t>(std::count(std::istreambuf_iterator<char>(maps),
                                        std::istreambuf_iterator<char>(),
                                        '\n'));
}

// Blocks of `size` bytes, written to, until `total` bytes are live.
std::vector<char*> TakeAll(size_t size, size_t total) {
  std::vector<char*> blocks(total / size);
  for (char*& block : blocks) {
    block = static_cast<char*>(malloc(size));
    memset(block, 1, size);
  }
  return blocks;
}

void FreeAll(const std::vector<char*>& blocks) {
  for (char* const block : blocks) free(block);
}

// Whether resident memory comes down to `goal` while the process does no more
// than allocate a little.
bool ComesDownTo(size_t goal) {
  // jemalloc's decay takes 10 seconds by default, and goes on by allocations.
  return Await(
      [goal] {
        for (int i = 0; i < 50; ++i) AllocateInManyClasses();
        return ResidentBytes() <= goal;
      },
      90);
}

constexpr size_t kSizes[] = {24, 200, 3000, 20 * kKiB, 300 * kKiB, 5 * kMiB};

size_t LiveBytes() { return static_cast<size_t>(Scaled(64, 16)) * kMiB; }

// What the first thread took, and what threads took that have ended since.
TEST(FreedMemory, GoesBackWhileTheProgramAllocatesALittle) {
  ASSERT_TRUE(has_no_huge_pages);
  const Watchdog watchdog(200);
  const size_t before = ResidentBytes();
  for (const size_t size : kSizes) FreeAll(TakeAll(size, LiveBytes()));
  std::vector<std::vector<char*>> left(4);
  RunThreads(4, [&left](int thread) {
    for (const size_t size :
         {size_t{24}, size_t{3000}, 20 * kKiB, 300 * kKiB}) {
      const auto blocks = TakeAll(size, LiveBytes() / 4);
      auto& own = left[static_cast<size_t>(thread)];
      own.insert(own.end(), blocks.begin(), blocks.end());
    }
  });
  for (auto& blocks : left) FreeAll(blocks);
  left.clear();
  left.shrink_to_fit();
  EXPECT_TRUE(ComesDownTo(before + 8 * kMiB))
      << before << " bytes were resident, now " << ResidentBytes();
}

TEST(FreedMemory, GoesBackAtOnceByMallocTrim) {
  const size_t before = ResidentBytes();
  RunThreads(3, [](int) {
    for (const size_t size : kSizes) FreeAll(TakeAll(size, LiveBytes() / 3));
  });
  EXPECT_EQ(malloc_trim(0), 1);
  EXPECT_LE(ResidentBytes(), before + 8 * kMiB);
}

// What is in use stays as it is while pages are given back around it.
TEST(FreedMemory, TrimWhileThreadsAllocate) {
  const Watchdog watchdog;
  std::atomic<int> spoilt{0};
  const BusyThreads busy(3, [&spoilt] {
    for (const size_t size : kSizes) {
      const auto blocks = TakeAll(size, size < kMiB ? 4 * size : 2 * size);
      for (char* const block : blocks) {
        if (block[0] != 1 || block[size - 1] != 1) ++spoilt;
      }
      FreeAll(blocks);
    }
    if (!AllocateInManyClasses()) ++spoilt;
  });
  for (int i = 0; i < Scaled(2000); ++i) malloc_trim(0);
  EXPECT_EQ(spoilt, 0);
}

void Fill(size_t bytes) {
  for (const size_t size : kSizes) {
    for (size_t done = 0; done < bytes / std::size(kSizes); done += size) {
      memset(malloc(size), 1, size);
    }
  }
}
BULKHEAD_ENTRY(kFill, "stores", Fill);

// Creates a compartment, fills its heap, and destroys it.
void FillOne() {
  auto stores = Compartment::Create("stores");
  ASSERT_TRUE(stores.ok()) << stores.status();
  ASSERT_EQ(stores->Call(kFill, LiveBytes()), absl::OkStatus());
  ASSERT_EQ(stores->Destroy(), absl::OkStatus());
}

TEST(DestroyedCompartment, GivesBackAllButItsReservation) {
  const Watchdog watchdog;
  // What the first one leaves is made once: tables, stacks, a cage.
  FillOne();
  const size_t address_space = AddressSpaceBytes();
  const size_t mappings = Mappings();
  // What each of ten leaves shows in every round; what the kernel makes of the
  // process's other memory meanwhile, in one at most.
  bool settled = false;
  for (int round = 0; round < 3 && !settled; ++round) {
    const size_t resident = ResidentBytes();
    for (int i = 0; i < 10; ++i) FillOne();
    settled = ResidentBytes() <= resident + kMiB;
  }
  EXPECT_TRUE(settled);
  EXPECT_LE(AddressSpaceBytes(), address_space + kMiB);
  EXPECT_LE(Mappings(), mappings + 4);
}

TEST(DestroyedCompartment, TheFirstGivesBackToo) {
  // Whichever case runs first, this is one of the first.
  const size_t before = ResidentBytes();
  FillOne();
  EXPECT_LE(ResidentBytes(), before + 4 * kMiB);
}

// Threads that were inside leave nothing either.
TEST(DestroyedCompartment, ThatManyThreadsVisitedGivesBackAll) {
  const Watchdog watchdog;
  const auto visit = [] {
    auto stores = Compartment::Create("stores");
    ASSERT_TRUE(stores.ok()) << stores.status();
    RunThreads(8, [&stores](int) {
      EXPECT_EQ(stores->Call(kFill, 2 * kMiB), absl::OkStatus());
    });
    ASSERT_EQ(stores->Destroy(), absl::OkStatus());
  };
  for (int i = 0; i < 3; ++i) visit();
  const size_t resident = ResidentBytes();
  for (int i = 0; i < Scaled(40, 4); ++i) visit();
  EXPECT_LE(ResidentBytes(), resident + 2 * kMiB);
}

}  // namespace
