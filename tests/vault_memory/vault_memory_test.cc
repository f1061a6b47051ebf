// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What becomes of a vault's memory: wiped, not dumped, locked, forked, given
// back.

#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/mappings.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::FindMapping;
using bulkhead_test::RunInChild;

char* Fill(size_t size) {
  char* block = static_cast<char*>(malloc(size));
  if (block != nullptr) memset(block, 0x5a, size);
  return block;
}
BULKHEAD_ENTRY(kFill, "memory", Fill);

void Free(void* block) { free(block); }
BULKHEAD_ENTRY(kFree, "memory", Free);

char* Grow(char* block, size_t size) {
  return static_cast<char*>(realloc(block, size));
}
BULKHEAD_ENTRY(kGrow, "memory", Grow);

// How many of the bytes are not zero, freed or not.
size_t CountNonZero(const char* begin, size_t size) {
  // The address of a block that was freed: what a scan of memory would see.
  uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  size_t count = 0;
  for (size_t i = 0; i < size; ++i) {
    count += *reinterpret_cast<const volatile char*>(address + i) != 0;
  }
  return count;
}
BULKHEAD_ENTRY(kCountNonZero, "memory", CountNonZero);

Compartment Make(const bh_options& options) {
  auto made = Compartment::Create("memory", options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

size_t NonZeroAfterFree(bh_switch wipe, size_t size) {
  bh_options options = {};
  options.wipe = wipe;
  const Compartment memory = Make(options);
  char* block = memory.Call(kFill, size).value();
  // A neighbour keeps the pages in use.
  char* neighbour = memory.Call(kFill, size).value();
  EXPECT_EQ(memory.Call(kCountNonZero, block, size).value(), size);
  EXPECT_TRUE(memory.Call(kFree, static_cast<void*>(block)).ok());
  const size_t left = memory.Call(kCountNonZero, block, size).value();
  EXPECT_TRUE(memory.Call(kFree, static_cast<void*>(neighbour)).ok());
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
  return left;
}

TEST(WipeTest, FreedMemoryIsZeroed) {
  for (size_t size : {16, 100, 4000, 40000, 3000000}) {
    EXPECT_EQ(NonZeroAfterFree(BH_DEFAULT, size), 0u) << size;
  }
}

TEST(WipeTest, CanBeTurnedOff) { EXPECT_GT(NonZeroAfterFree(BH_OFF, 100), 0u); }

TEST(WipeTest, ReallocLeavesNothingBehind) {
  const Compartment memory = Make({});
  for (size_t size : {100, 5000, 50000}) {
    char* block = memory.Call(kFill, size).value();
    char* blocker = memory.Call(kFill, size).value();
    char* moved = memory.Call(kGrow, block, size * 40).value();
    ASSERT_NE(moved, block);
    EXPECT_EQ(memory.Call(kCountNonZero, block, size).value(), 0u) << size;
    // Shrinking moves too, rather than give the tail back as it is.
    char* small = memory.Call(kGrow, moved, size_t{20}).value();
    EXPECT_EQ(memory.Call(kCountNonZero, moved, size).value(), 0u) << size;
    EXPECT_EQ(memory.Call(kCountNonZero, small, size_t{20}).value(), 20u);
    EXPECT_TRUE(memory.Call(kFree, static_cast<void*>(small)).ok());
    EXPECT_TRUE(memory.Call(kFree, static_cast<void*>(blocker)).ok());
  }
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

// A block of whole pages could shrink where it is.
TEST(WipeTest, ReallocLeavesNothingBehindOfWholePages) {
  const Compartment memory = Make({});
  constexpr size_t kWas = 3000000, kIs = 100000;
  char* block = memory.Call(kFill, kWas).value();
  char* small = memory.Call(kGrow, block, kIs).value();
  ASSERT_NE(small, nullptr);
  EXPECT_EQ(memory.Call(kCountNonZero, small, kIs).value(), kIs);
  const size_t tail = kWas - 2 * kIs;
  EXPECT_EQ(memory.Call(kCountNonZero, block + 2 * kIs, tail).value(), 0u);
  EXPECT_TRUE(memory.Call(kFree, static_cast<void*>(small)).ok());
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

constexpr size_t kLeft = 3000;
uintptr_t LeaveOnStack() {
  volatile char secret[kLeft];
  memset(const_cast<char*>(secret), 0x5a, sizeof(secret));
  __asm__ volatile("" : : "r"(secret) : "memory");
  auto left = reinterpret_cast<uintptr_t>(secret);
  return left;
}
BULKHEAD_ENTRY(kLeaveOnStack, "memory", LeaveOnStack);

TEST(MappingTest, HeapAndStackAreKeptOutOfCoreFiles) {
  const Compartment memory = Make({});
  char* block = memory.Call(kFill, size_t{100}).value();
  EXPECT_TRUE(FindMapping(block).HasFlag("dd"));
  const uintptr_t stack = memory.Call(kLeaveOnStack).value();
  EXPECT_TRUE(FindMapping(reinterpret_cast<void*>(stack)).HasFlag("dd"));
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

TEST(MappingTest, HeapAndStackCarryTheKey) {
  const Compartment memory = Make({});
  char* block = memory.Call(kFill, size_t{100}).value();
  const uintptr_t stack = memory.Call(kLeaveOnStack).value();
  const auto heap_mapping = FindMapping(block);
  const auto stack_mapping = FindMapping(reinterpret_cast<void*>(stack));
  if (bh_get_level() == BH_LEVEL_PKU) {
    EXPECT_GT(heap_mapping.key, 0);
    EXPECT_EQ(stack_mapping.key, heap_mapping.key);
    EXPECT_EQ(heap_mapping.permissions, "rw-p");
  } else {
    EXPECT_EQ(heap_mapping.permissions, "---p");
    EXPECT_EQ(stack_mapping.permissions, "---p");
  }
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

class ThreadsStack : public testing::TestWithParam<bh_switch> {
 protected:
  size_t Left(uintptr_t where) {
    const auto* begin = reinterpret_cast<const char*>(where);
    return memory_.Call(kCountNonZero, begin, kLeft).value();
  }

  const Compartment memory_ = [] {
    bh_options options = {};
    options.lock = GetParam();
    return Make(options);
  }();
};

TEST_P(ThreadsStack, IsEmptyOnceItHasEnded) {
  uintptr_t where = 0;
  size_t before = 0;
  std::thread([&] {
    where = memory_.Call(kLeaveOnStack).value();
    // This call stands on the same stack, and overwrites a little of it.
    before = Left(where);
  }).join();
  EXPECT_GT(before, kLeft / 2);
  unsigned char resident = 1;
  const uintptr_t page = where & ~uintptr_t{4095};
  EXPECT_EQ(mincore(reinterpret_cast<void*>(page), 4096, &resident), 0);
  EXPECT_EQ(resident & 1, 0);
  EXPECT_EQ(Left(where), 0u);
  EXPECT_EQ(memory_.Destroy(), absl::OkStatus());
}

// Of a thread that came in again while it ended, the next one finds nothing.
TEST_P(ThreadsStack, IsEmptyForTheNextThread) {
  struct Visit {
    const Compartment* memory;
    uintptr_t where;
  } visit = {&memory_, 0};
  // Later than Bulkhead's, which was there first.
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key,
                               [](void* argument) {
                                 auto* own = static_cast<Visit*>(argument);
                                 own->where =
                                     own->memory->Call(kLeaveOnStack).value();
                               }),
            0);
  std::thread([&] { pthread_setspecific(key, &visit); }).join();
  ASSERT_NE(visit.where, 0u);
  EXPECT_GT(Left(visit.where), kLeft / 2);
  size_t left = 1;
  std::thread([&] { left = Left(visit.where); }).join();
  EXPECT_EQ(left, 0u);
  EXPECT_EQ(pthread_key_delete(key), 0);
  EXPECT_EQ(memory_.Destroy(), absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(LockedOrNot, ThreadsStack,
                         testing::Values(BH_OFF, BH_ON), [](const auto& each) {
                           return each.param == BH_ON ? "Locked" : "Unlocked";
                         });

TEST(LockTest, LocksHeapAndStack) {
  bh_options options = {};
  options.lock = BH_ON;
  const Compartment memory = Make(options);
  char* block = memory.Call(kFill, size_t{100}).value();
  EXPECT_TRUE(FindMapping(block).HasFlag("lo"));
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
  const Compartment plain = Make({});
  block = plain.Call(kFill, size_t{100}).value();
  EXPECT_FALSE(FindMapping(block).HasFlag("lo"));
  EXPECT_EQ(plain.Destroy(), absl::OkStatus());
}

TEST(LockTest, ALimitIsAStatusAndLeavesNothingBehind) {
  EXPECT_TRUE(
      RunInChild([] {
        const rlimit none = {0, 0};
        if (setrlimit(RLIMIT_MEMLOCK, &none) != 0) _exit(2);
        // Root may lock whatever the limit is.
        __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        const __user_cap_data_struct no_rights[2] = {};
        if (syscall(SYS_capset, &header, no_rights) != 0) _exit(3);
        bh_options options = {};
        options.lock = BH_ON;
        bh_compartment made;
        if (bh_create("memory", &options, &made) != BH_ERR_LOCK) {
          _exit(4);
        }
        if (bh_create("memory", nullptr, &made) != BH_OK) _exit(5);
      }).ExitedWith(0));
}

TEST(ForkTest, TheChildKeepsTheHeap) {
  const Compartment memory = Make({});
  char* block = memory.Call(kFill, size_t{100}).value();
  EXPECT_TRUE(RunInChild([&] {
                if (memory.Call(kCountNonZero, block, size_t{100}).value() !=
                    100) {
                  _exit(1);
                }
              }).ExitedWith(0));
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

TEST(ForkTest, OrFindsItZeroed) {
  bh_options options = {};
  options.wipe_on_fork = BH_ON;
  const Compartment memory = Make(options);
  char* block = memory.Call(kFill, size_t{100}).value();
  EXPECT_TRUE(RunInChild([&] {
                if (memory.Call(kCountNonZero, block, size_t{100}).value() !=
                    0) {
                  _exit(1);
                }
              }).ExitedWith(0));
  EXPECT_EQ(memory.Call(kCountNonZero, block, size_t{100}).value(), 100u);
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
}

size_t ResidentPages() {
  size_t size = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == nullptr || fscanf(file, "%zu %zu", &size, &resident) != 2) {
    ADD_FAILURE() << "no /proc/self/statm";
  }
  if (file != nullptr) fclose(file);
  return resident;
}

TEST(DestroyTest, GivesMemoryBackAndLeavesNothingToRead) {
  const Compartment memory = Make({});
  const size_t before = ResidentPages();
  constexpr size_t kBytes = size_t{32} << 20;
  char* block = memory.Call(kFill, kBytes).value();
  ASSERT_NE(block, nullptr);
  EXPECT_GT(ResidentPages(), before + kBytes / 4096 / 2);
  EXPECT_EQ(memory.Destroy(), absl::OkStatus());
  EXPECT_LT(ResidentPages(), before + kBytes / 4096 / 8);
  EXPECT_EQ(FindMapping(block).permissions, "---p");
  const Compartment next = Make({});
  char* again = next.Call(kFill, size_t{64}).value();
  EXPECT_EQ(next.Call(kCountNonZero, again, size_t{64}).value(), 64u);
  EXPECT_EQ(next.Destroy(), absl::OkStatus());
}

}  // namespace
