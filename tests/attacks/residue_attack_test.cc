// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a compartment leaves behind when it is destroyed: whoever gets its
// pages, its key or its stacks next looks for it.

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"

namespace {

using bulkhead::Compartment;

constexpr uint64_t kPattern = 0x5ec2e75ec2e75ec3;
constexpr size_t kLeft = size_t{10} << 20;
constexpr size_t kSizes[] = {16, 100, 3000, 20000, 1 << 20};

void FillWith(void* memory, size_t bytes) {
  for (size_t at = 0; at + sizeof(kPattern) <= bytes; at += sizeof(kPattern)) {
    memcpy(static_cast<char*>(memory) + at, &kPattern, sizeof(kPattern));
  }
}

// Words of the pattern in memory that nobody has written to since.
size_t Count(const volatile char* memory, size_t bytes) {
  size_t count = 0;
  const auto* word = reinterpret_cast<const volatile uint64_t*>(memory);
  for (size_t i = 0; i < bytes / sizeof(*word); ++i) {
    count += word[i] == kPattern ? 1 : 0;
  }
  return count;
}

constexpr size_t kStackBytes = size_t{128} << 10;

// Leaves the pattern in every kind of block, freed ones too, and on the stack.
__attribute__((noinline)) void Leave() {
  for (const size_t size : kSizes) {
    for (size_t total = 0; total < kLeft / 5; total += size) {
      void* const block = malloc(size);
      FillWith(block, size);
      if (total / size % 3 == 0) free(block);
    }
  }
  char stack[kStackBytes];
  FillWith(stack, sizeof(stack));
  __asm__ volatile("" : : "r"(stack) : "memory");
}
BULKHEAD_ENTRY(kLeave, "first", Leave);

size_t FindInBlocks() {
  size_t found = 0;
  for (const size_t size : kSizes) {
    for (size_t total = 0; total < kLeft / 5; total += size) {
      // Its address: to the compiler nothing stands there yet.
      auto address = reinterpret_cast<uintptr_t>(malloc(size));
      __asm__ volatile("" : "+r"(address));
      found +=
          Count(reinterpret_cast<const volatile char*>(address), size / 8 * 8);
    }
  }
  return found;
}

__attribute__((noinline)) size_t FindOnStack() {
  volatile char stack[kStackBytes];
  __asm__ volatile("" : : "r"(stack) : "memory");
  return Count(stack, sizeof(stack));
}

size_t Find() { return FindOnStack() + FindInBlocks(); }
BULKHEAD_ENTRY(kFindAgain, "first", Find);
BULKHEAD_ENTRY(kFind, "second", Find);

// Nothing but the end of the compartment wipes it.
Compartment Make(const char* name) {
  bh_options options = {};
  options.wipe = BH_OFF;
  auto made = Compartment::Create(name, options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

// The pattern is found while the compartment lives: the search works.
TEST(ResidueAttackTest, TheCheckOfTheAttackWorks) {
  const Compartment first = Make("first");
  EXPECT_EQ(first.Call(kLeave), absl::OkStatus());
  EXPECT_GT(first.Call(kFindAgain).value(), kStackBytes / 16);
  EXPECT_EQ(first.Destroy(), absl::OkStatus());
}

TEST(ResidueAttackTest, TheNextInItsPlaceFindsNothing) {
  for (int i = 0; i < 3; ++i) {
    const Compartment first = Make("first");
    EXPECT_EQ(first.Call(kFindAgain).value(), 0u);
    EXPECT_EQ(first.Call(kLeave), absl::OkStatus());
    EXPECT_EQ(first.Destroy(), absl::OkStatus());
  }
}

// The other one has another key; cages go from one to the other.
TEST(ResidueAttackTest, AnotherCompartmentFindsNothing) {
  const Compartment first = Make("first");
  const Compartment second = Make("second");
  EXPECT_EQ(first.Call(kLeave), absl::OkStatus());
  EXPECT_EQ(first.Destroy(), absl::OkStatus());
  EXPECT_EQ(second.Call(kFind).value(), 0u);
  EXPECT_EQ(second.Destroy(), absl::OkStatus());
}

TEST(ResidueAttackTest, TheRootFindsNothing) {
  const Compartment first = Make("first");
  EXPECT_EQ(first.Call(kLeave), absl::OkStatus());
  EXPECT_EQ(first.Destroy(), absl::OkStatus());
  EXPECT_EQ(FindInBlocks(), 0u);
}

// Whoever got a key that goes back could read what still carries it.
TEST(ResidueAttackTest, NoKeyGoesBack) {
  const auto left = [] {
    std::vector<long> keys;
    for (long key; (key = syscall(SYS_pkey_alloc, 0, 0)) > 0;) {
      keys.push_back(key);
    }
    for (const long key : keys) syscall(SYS_pkey_free, key);
    return keys.size();
  };
  const Compartment first = Make("first");
  EXPECT_EQ(first.Call(kLeave), absl::OkStatus());
  const size_t before = left();
  EXPECT_EQ(first.Destroy(), absl::OkStatus());
  EXPECT_EQ(left(), before);
}

}  // namespace
