// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// free() and its kin as deputies: pointers that were freed before, and
// addresses where the caller may not write.

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <new>
#include <regex>
#include <string>

#include "allocator/heap/page_map.h"
#include "allocator/heap/thread_cache.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/thread/thread_record.h"
#include "tests/support/child.h"

namespace bulkhead {
namespace {

using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

char* AllocateSecret(size_t size) {
  auto* const block = static_cast<char*>(malloc(size));
  if (block != nullptr) memset(block, 0x5a, size);
  return block;
}
BULKHEAD_ENTRY(kAllocateSecret, "victim", AllocateSecret);

// A pointer of which the compiler does not know where it comes from.
template <typename T>
T* Hide(T* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

constexpr size_t kLargestOfSlabs = 14 << 10;

void* Take(size_t size) { return Hide(malloc(size)); }

// `kind` is a regular expression.
void ExpectReport(const ChildResult& child, const std::string& kind,
                  const void* address) {
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  char text[32];
  snprintf(text, sizeof(text), "%p", address);
  const std::regex line("==ERROR: Bulkhead: (" + kind + ") on address " + text +
                        "\n");
  EXPECT_TRUE(std::regex_search(child.errors, line)) << kind << child.errors;
}

// A block that has pages of its own may be in no cache, and they are nobody's
// then.
const char* FoundAtOnce(size_t size) {
  return size <= kLargestOfSlabs ? "double-free" : "double-free|wild-free";
}

// The pages of a block that had some of its own are nobody's after the flush.
const char* FoundByFlush(size_t size) {
  return size <= kLargestOfSlabs ? "double-free"
                                 : "double-free|corrupt-cache|wild-free";
}

constexpr size_t kCached[] = {1, 16, 100, 3000, 14000, 20000, 300000, 1 << 20};

// Of all blocks that caches hold, and in every way.
TEST(FreeAttackTest, ADoubleFreeIsFoundAtOnce) {
  void (*const kWays[])(void*) = {
      free, [](void* block) { ::operator delete(block); },
      [](void* block) { Hide(realloc(block, 3000000)); },
      [](void* block) {
        Hide(reinterpret_cast<void*>(malloc_usable_size(block)));
      }};
  for (const size_t size : kCached) {
    for (auto* const way : kWays) {
      void* const block = Take(size);
      void* const neighbour = Take(size);
      ExpectReport(RunInChild([=] {
                     free(block);
                     way(block);
                   }),
                   FoundAtOnce(size), block);
      free(block);
      free(neighbour);
    }
  }
}

// The byte that tells at once is everybody's to write. The block itself tells,
// as the cache is flushed.
TEST(FreeAttackTest, ADoubleFreeIsFoundAtTheFlushAtLast) {
  for (const size_t size : kCached) {
    void* const block = Take(size);
    void* const neighbour = Take(size);
    ExpectReport(RunInChild([block] {
                   free(block);
                   LiveByteOf(reinterpret_cast<uintptr_t>(block)) = 1;
                   free(Hide(block));
                   malloc_trim(0);
                 }),
                 FoundByFlush(size), block);
    free(block);
    free(neighbour);
  }
}

class DeputyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("victim");
    ASSERT_TRUE(made.ok()) << made.status();
    victim = *made;
    secret = victim.Call(kAllocateSecret, size_t{4096}).value();
  }
  void TearDown() override { EXPECT_EQ(victim.Destroy(), absl::OkStatus()); }

  Compartment victim{bh_compartment{0, 0}};
  char* secret = nullptr;
};

// What malloc's kin write for their caller they write in its rights.
TEST_F(DeputyTest, PosixMemalignWritesItsResultInTheCallersRights) {
  ExpectReport(RunInChild([this] {
                 auto* const result =
                     reinterpret_cast<void**>(Hide(secret) + 64);
                 if (posix_memalign(result, 64, 100) == 0) _exit(77);
               }),
               "compartment-write", secret + 64);
}

// The next block of the root's cache is the vault's.
TEST_F(DeputyTest, CallocClearsInTheCallersRights) {
  const ChildResult child = RunInChild([this] {
    free(Take(4096));
    CacheBin& bin = CurrentRecord()->caches[0]->bins[Index(ClassOf(4096))];
    bin.slots[bin.count - 1] = reinterpret_cast<uintptr_t>(secret);
    Hide(calloc(1, 4096));
  });
  EXPECT_FALSE(child.exited) << child.errors;
}

TEST_F(DeputyTest, ReallocOfAnothersBlockIsReported) {
  for (const size_t size : {size_t{1}, size_t{5000}, size_t{3000000}}) {
    ExpectReport(RunInChild([&] { Hide(realloc(Hide(secret), size)); }),
                 "foreign-free", secret);
  }
}

}  // namespace
}  // namespace bulkhead
