// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The ways of one thread: the malloc family, gates, scopes, ways out of them,
// calls that change pages, and lives of compartments.

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <stdexcept>
#include <vector>

#include "bulkhead/sandbox.h"
#include "tests/coexistence/fixture.h"
#include "tests/sandboxes/means.h"
#include "tests/support/busy_threads.h"
#include "tests/support/mappings.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead::Root;
using ::bulkhead_test::AllocateInManyClasses;
using ::bulkhead_test::Bits;
using ::bulkhead_test::CoexistenceTest;
using ::bulkhead_test::FindMapping;
using ::bulkhead_test::OtherUser;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::SetBits;

// What an entry finds.
BULKHEAD_ENTRY(kBits, "keys", Bits);
BULKHEAD_ENTRY(kBitsInOther, "other", Bits);
BULKHEAD_ENTRY(kBitsInBox, "box", Bits);
BULKHEAD_ENTRY(kBitsInRoot, "root", Bits);

// And what it makes of them stays.
int Change(int key, int bits) { return SetBits(key, bits); }
BULKHEAD_ENTRY(kChange, "keys", Change);

Compartment keys = Compartment::Root();
Compartment other = Compartment::Root();
Compartment box = Compartment::Root();

// How often the bits were not `bits` on the way down and up again.
int Descend(int key, int bits, int depth);
BULKHEAD_ENTRY(kDescend, "keys", Descend);
BULKHEAD_ENTRY(kDescendInOther, "other", Descend);
int Descend(int key, int bits, int depth) {
  int wrong = Bits(key) != bits;
  if (depth > 0) {
    const auto below = depth % 2 == 0
                           ? keys.Call(kDescend, key, bits, depth - 1)
                           : other.Call(kDescendInOther, key, bits, depth - 1);
    wrong += below.value_or(1000);
  }
  return wrong + (Bits(key) != bits);
}

int CallRoot(int key, int bits) {
  int wrong = Bits(key) != bits;
  wrong += Root().Call(kBitsInRoot, key).value_or(1000) != bits;
  return wrong + (Bits(key) != bits);
}
BULKHEAD_ENTRY(kCallRoot, "box", CallRoot);

int Work(int key) { return AllocateInManyClasses() ? Bits(key) : 1000; }
BULKHEAD_ENTRY(kWork, "keys", Work);

void Throw() { throw std::runtime_error("out of the vault"); }
BULKHEAD_ENTRY(kThrow, "keys", Throw);
BULKHEAD_ENTRY(kThrowInOther, "other", Throw);
// The outer vault lets the inner one's pass.
void ThrowBelow() { other.Call(kThrowInOther).IgnoreError(); }
BULKHEAD_ENTRY(kThrowBelow, "keys", ThrowBelow);

thread_local jmp_buf back;
void Jump(int depth);
BULKHEAD_ENTRY(kJump, "keys", Jump);
BULKHEAD_ENTRY(kJumpInOther, "other", Jump);
void Jump(int depth) {
  if (depth == 0) longjmp(back, 1);
  other.Call(kJumpInOther, depth - 1).IgnoreError();
}

class PathsTest : public CoexistenceTest {
 protected:
  void ExpectNoneWrong(const absl::StatusOr<int>& wrong) const {
    ASSERT_TRUE(wrong.ok()) << wrong.status();
    EXPECT_EQ(*wrong, 0);
    ExpectBits();
  }

  int key() const { return user_.key(); }
};

TEST_P(PathsTest, OfTheMallocFamily) {
  for (int round = 0; round < Scaled(20, 2); ++round) {
    EXPECT_TRUE(AllocateInManyClasses());
    ExpectBits();
  }
  // The short way, refills and flushes: the bits after each call.
  std::vector<void*> blocks(static_cast<size_t>(Scaled(20000, 2000)));
  int wrong = 0;
  for (void*& block : blocks) {
    block = malloc(48);
    wrong += Bits(key()) != bits_;
  }
  for (void*& block : blocks) {
    block = realloc(block, 200);
    wrong += Bits(key()) != bits_;
  }
  for (void* const block : blocks) {
    free(block);
    wrong += Bits(key()) != bits_;
  }
  EXPECT_EQ(wrong, 0);
  constexpr size_t kLarge = size_t{8} << 20;
  void* const large = calloc(1, kLarge);
  ExpectBits();
  EXPECT_GE(malloc_usable_size(large), kLarge);
  free(large);
  malloc_trim(0);
  ExpectBits();
  EXPECT_TRUE(bulkhead::Statistics().ok());
  ExpectBits();
}

TEST_P(PathsTest, OfBlocksInVaults) {
  for (int i = 0; i < Scaled(2000, 200); ++i) {
    void* const block = keys_.Allocate(static_cast<size_t>(i) * 16);
    ASSERT_NE(block, nullptr);
    ExpectBits();
  }
  EXPECT_EQ(keys_.Call(kWork, key()).value_or(1000), bits_);
  ExpectBits();
}

TEST_P(PathsTest, IntoAVault) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(keys_.Call(kBits, key()).value_or(1000), bits_);
    ExpectBits();
  }
  // A gate that refuses, too.
  EXPECT_FALSE(other_.Call(kBits, key()).ok());
  ExpectBits();
}

// With rights that the thread has changed since it was last in a gate.
TEST_P(PathsTest, IntoAVaultAfterAChange) {
  for (int bits = 0; bits < 4; ++bits) {
    const int now = SetBits(key(), bits);
    EXPECT_EQ(keys_.Call(kBits, key()).value_or(1000), now);
    EXPECT_EQ(Bits(key()), now);
    EXPECT_EQ(other_.Call(kBitsInOther, key()).value_or(1000), now);
    EXPECT_EQ(Bits(key()), now);
    EXPECT_TRUE(AllocateInManyClasses());
    EXPECT_EQ(Bits(key()), now);
  }
  SetBits(key(), GetParam());
}

TEST_P(PathsTest, OutOfAVaultThatChangesThem) {
  for (int bits = 0; bits < 4; ++bits) {
    const int now = SetBits(key(), bits ^ 3);
    const int changed = keys_.Call(kChange, key(), bits).value_or(1000);
    EXPECT_EQ(changed, now == bulkhead_test::kNoBits ? now : bits);
    EXPECT_EQ(Bits(key()), changed);
  }
  SetBits(key(), GetParam());
}

TEST_P(PathsTest, BetweenVaults) {
  keys = keys_;
  other = other_;
  for (const int depth : {1, 2, 7, 12}) {
    ExpectNoneWrong(keys_.Call(kDescend, key(), bits_, depth));
  }
}

TEST_P(PathsTest, ThroughAScope) {
  int inside = 1000;
  int in_gate = 1000;
  EXPECT_TRUE(keys_
                  .WithScope([&] {
                    inside = Bits(key());
                    in_gate = other_.Call(kBitsInOther, key()).value_or(1000);
                  })
                  .ok());
  EXPECT_EQ(inside, bits_);
  EXPECT_EQ(in_gate, bits_);
}

TEST_P(PathsTest, OutByExceptions) {
  other = other_;
  EXPECT_THROW(keys_.Call(kThrow).IgnoreError(), std::runtime_error);
  ExpectBits();
  EXPECT_THROW(keys_.Call(kThrowBelow).IgnoreError(), std::runtime_error);
  ExpectBits();
  EXPECT_FALSE(keys_.TryCall(kThrow).ok());
  ExpectBits();
  EXPECT_THROW(
      keys_.WithScope([] { throw std::runtime_error("x"); }).IgnoreError(),
      std::runtime_error);
}

// Jumps from that many vaults below the first one.
void JumpFromBelow(const Compartment& first, int depth) {
  if (setjmp(back) != 0) return;
  first.Call(kJump, depth).IgnoreError();
  FAIL() << "no jump";
}

TEST_P(PathsTest, OutByJumps) {
  other = other_;
  JumpFromBelow(keys_, 0);
  ExpectBits();
  JumpFromBelow(keys_, 1);
  ExpectBits();
  JumpFromBelow(keys_, 5);
  ExpectBits();
  if (setjmp(back) == 0) {
    keys_.WithScope([] { longjmp(back, 1); }).IgnoreError();
    FAIL() << "no jump";
  }
}

TEST_P(PathsTest, IntoASandboxAndBack) {
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  bh_compartment made;
  const bh_status status = bh_create("box", &options, &made);
  ExpectBits();
  if (!bulkhead_test::MayHaveSandboxes()) {
    EXPECT_EQ(status, BH_ERR_LEVEL);
    return;
  }
  ASSERT_EQ(status, BH_OK);
  box = Compartment(made);
  EXPECT_EQ(box.Call(kBitsInBox, key()).value_or(1000), bits_);
  ExpectBits();
  ASSERT_EQ(bh_allow(made, kBitsInRoot.declaration()), BH_OK);
  ExpectNoneWrong(box.Call(kCallRoot, key(), bits_));
  user_.ExpectPages();
  EXPECT_TRUE(box.Destroy().ok());
}

TEST_P(PathsTest, OfCompartmentsThatComeAndGo) {
  bh_options options = {};
  options.grants = BH_ON;
  for (int i = 0; i < 10; ++i) {
    const auto made = Compartment::Create("comes", options);
    ASSERT_TRUE(made.ok()) << made.status();
    ExpectBits();
    EXPECT_NE(made->Allocate(size_t{1} << 20), nullptr);
    ExpectBits();
    EXPECT_TRUE(made->Destroy().ok());
    ExpectBits();
  }
  // A name that is taken, and no name.
  EXPECT_FALSE(Compartment::Create("keys").ok());
  EXPECT_FALSE(Compartment::Create("").ok());
}

// The wrapped functions do to tagged pages what the kernel's do.
TEST_P(PathsTest, OfCallsThatChangePages) {
  const auto has_key = [&](const void* page) {
    return FindMapping(page).key == key() || key() == -1;
  };
  constexpr size_t kPage = OtherUser::kPageBytes;
  char* const pages = user_.pages();
  EXPECT_EQ(mprotect(pages, kPage, PROT_READ), 0);
  EXPECT_TRUE(has_key(pages));
  EXPECT_EQ(mprotect(pages, kPage, PROT_READ | PROT_WRITE), 0);
  EXPECT_TRUE(has_key(pages));
  EXPECT_EQ(madvise(pages, kPage, MADV_WILLNEED), 0);
  ExpectBits();
  auto* const more =
      static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(more, MAP_FAILED);
  ExpectBits();
  if (key() > 0) {
    EXPECT_EQ(pkey_mprotect(more, 2 * kPage, PROT_READ | PROT_WRITE, key()), 0);
    // In use, it stays with whoever took it.
    const int second = pkey_alloc(0, PKEY_DISABLE_WRITE);
    EXPECT_GT(second, 0);
    EXPECT_NE(second, key());
    EXPECT_EQ(Bits(second), 2);
    ExpectBits();
    EXPECT_EQ(pkey_free(second), 0);
  }
  void* const moved = mremap(more, 2 * kPage, 8 * kPage, MREMAP_MAYMOVE);
  ASSERT_NE(moved, MAP_FAILED);
  EXPECT_TRUE(has_key(moved));
  ExpectBits();
  EXPECT_EQ(munmap(moved, 8 * kPage), 0);
}

WITH_ALL_BITS(PathsTest);

}  // namespace
