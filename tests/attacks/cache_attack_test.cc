// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Attacks on the caches of free blocks, which whoever owns them can write: a
// pointer that is no free block of the cache's own is found at the next flush,
// whatever it points at, and goes no further.

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "allocator/heap/thread_cache.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/child.h"

namespace {

using bulkhead::CacheBin;
using bulkhead::ClassOf;
using bulkhead::Compartment;
using bulkhead::RecordAtGs;
using bulkhead::SizeClass;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

constexpr size_t kSize = 100;
constexpr size_t kRoundedSize = 112;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

CacheBin& OwnBin(uint32_t compartment, size_t size = kSize) {
  return RecordAtGs()->caches[compartment]->bins[Index(ClassOf(size))];
}

// Puts blocks into the calling thread's cache of the current heap, and then
// `pointer` in the place of the first. Runs in: the heap's own domain.
void Poison(const void* pointer, uint32_t compartment) {
  constexpr int kBlocks = 10;
  void* blocks[kBlocks];
  for (void*& block : blocks) block = malloc(kSize);
  for (void* const block : blocks) free(block);
  OwnBin(compartment).slots[0] = reinterpret_cast<uintptr_t>(pointer);
}

// The same, and flushes.
void PoisonAndFlush(const void* pointer, uint32_t compartment) {
  Poison(pointer, compartment);
  malloc_trim(0);
}
BULKHEAD_ENTRY(kPoison, "hostile", Poison);
BULKHEAD_ENTRY(kPoisonAndFlush, "hostile", PoisonAndFlush);

char* Allocate(size_t size) { return static_cast<char*>(malloc(size)); }
BULKHEAD_ENTRY(kAllocate, "hostile", Allocate);
BULKHEAD_ENTRY(kAllocateElsewhere, "victim", Allocate);

void Free(char* block) { free(block); }
BULKHEAD_ENTRY(kFree, "hostile", Free);

// Two in one bin: a flush takes the first for the program's, and the second for
// what it is.
void PutInTwice(uint32_t compartment) {
  Poison(nullptr, compartment);
  CacheBin& bin = OwnBin(compartment);
  bin.slots[0] = bin.slots[1];
  malloc_trim(0);
}
BULKHEAD_ENTRY(kPutInTwice, "hostile", PutInTwice);

void ClaimMany(uint32_t compartment) {
  Poison(nullptr, compartment);
  OwnBin(compartment).count = 1000000;
}

class CacheAttackTest : public testing::Test {
 protected:
  void SetUp() override {
    hostile = Compartment::Create("hostile").value();
    victim = Compartment::Create("victim").value();
    blocks = {malloc(kSize), hostile.Call(kAllocate, kSize).value(),
              victim.Call(kAllocateElsewhere, kSize).value()};
  }
  void TearDown() override {
    free(blocks.of_root);
    EXPECT_EQ(hostile.Destroy(), absl::OkStatus());
    EXPECT_EQ(victim.Destroy(), absl::OkStatus());
  }

  // Runs the attack in a child, which must end with a report that begins so.
  // `block_bytes`: what the report says of a block there; 0: nothing.
  static void ExpectReport(const std::function<void()>& attack,
                           const std::string& kind, const void* address,
                           const std::string& owner, size_t block_bytes) {
    const ChildResult child = RunInChild(attack);
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
    char text[64];
    snprintf(text, sizeof(text), " on address 0x%zx\n",
             reinterpret_cast<uintptr_t>(address));
    EXPECT_EQ(child.errors.rfind("==" + std::to_string(child.pid) +
                                     "==ERROR: Bulkhead: " + kind + text,
                                 0),
              0u)
        << child.errors;
    EXPECT_NE(child.errors.find("\n  address belongs to: " + owner),
              std::string::npos)
        << child.errors;
    const std::string block =
        "\n  object: " + std::to_string(block_bytes) + " bytes at ";
    EXPECT_EQ(child.errors.find(block) != std::string::npos, block_bytes != 0)
        << child.errors;
  }

  Compartment hostile{bh_compartment{0, 0}};
  Compartment victim{bh_compartment{0, 0}};
  struct {
    void* of_root;
    void* of_hostile;
    void* of_victim;
  } blocks = {};
};

TEST_F(CacheAttackTest, TheRootsCacheHoldsWhatIsNotItsOwn) {
  const auto expect = [](const void* pointer, const std::string& owner,
                         size_t block_bytes) {
    SCOPED_TRACE(owner);
    ExpectReport([pointer] { PoisonAndFlush(pointer, 0); }, "corrupt-cache",
                 pointer, owner, block_bytes);
  };
  expect(blocks.of_victim, "compartment 'victim'", kRoundedSize);
  expect(static_cast<char*>(blocks.of_root) + 16, "the root's heap",
         kRoundedSize);
  expect(static_cast<char*>(blocks.of_root) + 1, "the root's heap",
         kRoundedSize);
  char* const of_another_class = Allocate(3000);
  expect(of_another_class, "the root's heap", 3072);
  free(of_another_class);
  expect(RecordAtGs(), "Bulkhead, or nobody yet", 0);
  int local = 0;
  expect(&local, "no heap of Bulkhead's", 0);
  expect(reinterpret_cast<void*>(uintptr_t{1} << 60), "no heap of Bulkhead's",
         0);
  expect(nullptr, "no heap of Bulkhead's", 0);
}

// Without keys only the root has caches.
TEST_F(CacheAttackTest, AVaultsCacheHoldsWhatIsNotItsOwn) {
  const auto expect = [this](const void* pointer, const std::string& owner,
                             size_t block_bytes) {
    SCOPED_TRACE(owner);
    const uint32_t own = hostile.handle().id;
    if (!HasKeys()) {
      EXPECT_EQ(RecordAtGs()->caches[own], nullptr);
      return;
    }
    ExpectReport(
        [&] { hostile.Call(kPoisonAndFlush, pointer, own).IgnoreError(); },
        "corrupt-cache", pointer, owner, block_bytes);
  };
  expect(blocks.of_root, "the root's heap", kRoundedSize);
  expect(blocks.of_victim, "compartment 'victim'", kRoundedSize);
  expect(static_cast<char*>(blocks.of_hostile) + 16, "compartment 'hostile'",
         kRoundedSize);
  expect(RecordAtGs(), "Bulkhead, or nobody yet", 0);
}

// What a cache holds is flushed when its thread ends, too.
TEST_F(CacheAttackTest, IsFoundWhenTheThreadEnds) {
  void* const pointer = blocks.of_victim;
  ExpectReport([&] { std::thread(Poison, pointer, 0).join(); }, "corrupt-cache",
               pointer, "compartment 'victim'", kRoundedSize);
  if (!HasKeys()) return;
  const uint32_t own = hostile.handle().id;
  ExpectReport(
      [&] {
        std::thread([&] {
          hostile.Call(kPoison, pointer, own).IgnoreError();
        }).join();
      },
      "corrupt-cache", pointer, "compartment 'victim'", kRoundedSize);
}

TEST_F(CacheAttackTest, ACountThatIsNoneIsFoundWhenTheThreadEnds) {
  const ChildResult child =
      RunInChild([&] { std::thread(ClaimMany, 0).join(); });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_EQ(child.errors.rfind("==" + std::to_string(child.pid) +
                                   "==ERROR: Bulkhead: corrupt-cache on "
                                   "address 0x",
                               0),
            0u)
      << child.errors;
}

TEST_F(CacheAttackTest, OneBlockTwice) {
  const auto expect = [](const std::function<void()>& attack,
                         const std::string& owner) {
    const ChildResult child = RunInChild(attack);
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
    EXPECT_EQ(child.errors.rfind("==" + std::to_string(child.pid) +
                                     "==ERROR: Bulkhead: double-free on "
                                     "address 0x",
                                 0),
              0u)
        << child.errors;
    EXPECT_NE(child.errors.find("\n  address belongs to: " + owner),
              std::string::npos)
        << child.errors;
    EXPECT_NE(child.errors.find("\n  object: 112 bytes at "), std::string::npos)
        << child.errors;
  };
  expect([] { PutInTwice(0); }, "the root's heap");
  if (!HasKeys()) return;
  const uint32_t own = hostile.handle().id;
  expect([&] { hostile.Call(kPutInTwice, own).IgnoreError(); },
         "compartment 'hostile'");
}

// A vault's block, freed by two threads: both are caught at once without keys;
// with keys the block lies in the first one's cache, and the flush of the
// second to end tells.
TEST_F(CacheAttackTest, ADoubleFreeAcrossThreadsIsFoundAtTheNextFlush) {
  auto* const block = static_cast<char*>(blocks.of_hostile);
  // Its slab stays in use.
  ASSERT_NE(hostile.Call(kAllocate, kSize).value(), nullptr);
  ExpectReport(
      [&] {
        const auto free_it = [&] { hostile.Call(kFree, block).IgnoreError(); };
        std::thread([&] {
          free_it();
          std::thread(free_it).join();
        }).join();
      },
      "double-free", block, "compartment 'hostile'", kRoundedSize);
}

// The root's blocks: at once.
TEST_F(CacheAttackTest, ADoubleFreeAcrossThreadsOfTheRootIsFoundAtOnce) {
  auto* const block = static_cast<char*>(blocks.of_root);
  ExpectReport(
      [block] {
        std::thread([block] {
          free(block);
          std::thread([block] {
            free(block);
            _exit(1);
          }).join();
        }).join();
      },
      "double-free", block, "the root's heap", kRoundedSize);
}

}  // namespace
