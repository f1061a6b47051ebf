// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The model notices an allocator that is broken: each of these has one fault.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "isolation/base/raw_log.h"
#include "tests/fuzz/evidence.h"
#include "tests/fuzz/forked_run.h"

namespace bulkhead_fuzz {
namespace {

// What a broken allocator has to do is the same for all: some of everything,
// in the root and in a compartment that wipes, and one that does not.
OperationList SomeOfEverything() {
  return Parse(
      "malloc count=40 size=100\n"
      "malloc in=gate:0 slot=64 count=40 size=100\n"
      "malloc in=scope:1 slot=128 count=40 size=100\n"
      "calloc in=scope:1 slot=192 count=20 size=600\n"
      "free slot=200 count=8\n"
      "calloc in=scope:1 slot=200 count=8 size=600\n"
      "aligned_alloc slot=256 count=10 size=300 alignment=9\n"
      "realloc slot=0 count=10 size=3000\n"
      "realloc slot=64 count=10 size=50000\n"
      "usable_size count=64\n"
      "free slot=70 count=20\n"
      "bh_malloc slot=320 count=5 size=40 detail=1\n"
      "trim in=gate:0\n"
      "check\n");
}

Outcome RunOn(Family& family) { return RunInFork(SomeOfEverything(), family); }

void ExpectNoticed(Family& family, const std::string& trouble) {
  const Outcome outcome = RunOn(family);
  EXPECT_FALSE(outcome.in_order);
  EXPECT_NE(outcome.trouble.find(trouble), std::string::npos)
      << outcome.trouble << "\n"
      << outcome.messages;
}

TEST(BrokenFamilyTest, ASoundOneIsInOrder) {
  Family sound;
  const Outcome outcome = RunOn(sound);
  EXPECT_TRUE(outcome.in_order) << outcome.trouble << outcome.messages;
  EXPECT_FALSE(outcome.died);
}

// Does something else at the 30th allocation.
class FaultAtAllocation : public Family {
 public:
  void* Allocate(Kind kind, size_t size, size_t alignment,
                 bh_compartment heap) override {
    void* const block = Family::Allocate(kind, size, alignment, heap);
    if (++allocations_ != 30) {
      last_ = block;
      return block;
    }
    return Replace(block);
  }

 protected:
  virtual void* Replace(void* block) = 0;
  char* last() const { return static_cast<char*>(last_); }

 private:
  int allocations_ = 0;
  void* last_ = nullptr;
};

TEST(BrokenFamilyTest, TheSameBlockTwice) {
  class : public FaultAtAllocation {
    void* Replace(void*) override { return last(); }
  } family;
  ExpectNoticed(family, "a byte has two owners");
}

TEST(BrokenFamilyTest, ABlockInsideAnother) {
  class : public FaultAtAllocation {
    void* Replace(void*) override { return last() + 16; }
  } family;
  ExpectNoticed(family, "a byte has two owners");
}

TEST(BrokenFamilyTest, ABlockOfAnotherHeap) {
  class : public FaultAtAllocation {
    void* Replace(void*) override {
      return bh_malloc(TheDomains().HandleOf(kRootOwner + 1), 100);
    }
    void* Allocate(Kind kind, size_t size, size_t alignment,
                   bh_compartment heap) override {
      TheDomains().Prepare(kRootOwner + 1);
      return FaultAtAllocation::Allocate(kind, size, alignment, heap);
    }
  } family;
  ExpectNoticed(family, "a block is not in its owner's memory");
}

TEST(BrokenFamilyTest, ABlockOfNoHeap) {
  class : public FaultAtAllocation {
    void* Replace(void*) override {
      return mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
  } family;
  ExpectNoticed(family, "a block is not in its owner's memory");
}

TEST(BrokenFamilyTest, ABlockOffItsAlignment) {
  class : public FaultAtAllocation {
    void* Replace(void* block) override {
      return static_cast<char*>(block) + 8;
    }
  } family;
  ExpectNoticed(family, "a block is not aligned");
}

TEST(BrokenFamilyTest, AlignmentForgotten) {
  class : public Family {
    void* Allocate(Kind kind, size_t size, size_t,
                   bh_compartment heap) override {
      return Family::Allocate(kind, size, 16, heap);
    }
  } family;
  ExpectNoticed(family, "a block is not aligned");
}

TEST(BrokenFamilyTest, NoMemory) {
  class : public FaultAtAllocation {
    void* Replace(void*) override { return nullptr; }
  } family;
  ExpectNoticed(family, "no memory");
}

TEST(BrokenFamilyTest, CallocThatDoesNotClear) {
  class : public Family {
    void* Allocate(Kind kind, size_t size, size_t alignment,
                   bh_compartment heap) override {
      if (kind != Kind::kCalloc) {
        return Family::Allocate(kind, size, alignment, heap);
      }
      return malloc(size);
    }
  } family;
  ExpectNoticed(family, "calloc did not clear");
}

TEST(BrokenFamilyTest, CallocThatLeavesTheLastByte) {
  class : public Family {
    void* Allocate(Kind kind, size_t size, size_t alignment,
                   bh_compartment heap) override {
      void* const block = Family::Allocate(kind, size, alignment, heap);
      if (kind == Kind::kCalloc) static_cast<char*>(block)[size - 1] = 1;
      return block;
    }
  } family;
  ExpectNoticed(family, "calloc did not clear");
}

TEST(BrokenFamilyTest, UsableSizeBeyondTheBlock) {
  class : public Family {
    size_t UsableSize(void* block) override {
      return Family::UsableSize(block) + 16;
    }
  } family;
  ExpectNoticed(family, "a byte has two owners");
}

TEST(BrokenFamilyTest, UsableSizeBelowTheSize) {
  class : public Family {
    size_t UsableSize(void* block) override {
      const size_t size = Family::UsableSize(block);
      return size == 3072 ? 2992 : size;
    }
  } family;
  ExpectNoticed(family, "a block is too small");
}

TEST(BrokenFamilyTest, UsableSizeThatChanges) {
  class : public Family {
    size_t UsableSize(void* block) override {
      return Family::UsableSize(block) - (resized_ == 20 ? 16 : 0);
    }
    void* Resize(Kind kind, void* block, size_t size) override {
      ++resized_;
      return Family::Resize(kind, block, size);
    }
    int resized_ = 0;
  } family;
  ExpectNoticed(family, "its usable size changed");
}

TEST(BrokenFamilyTest, ReallocThatLosesContents) {
  class : public Family {
    void* Resize(Kind, void* block, size_t size) override {
      free(block);
      return malloc(size);
    }
  } family;
  ExpectNoticed(family, "realloc lost contents");
}

TEST(BrokenFamilyTest, ReallocThatChangesTheOwner) {
  class : public Family {
    void* Resize(Kind, void* block, size_t size) override {
      void* const moved = bh_malloc({0, 0}, size);
      memcpy(moved, block, 16);
      free(block);
      return moved;
    }
  } family;
  OperationList list = Parse("malloc in=gate:0 size=100\nrealloc size=500\n");
  const Outcome outcome = RunInFork(list, family);
  EXPECT_NE(outcome.trouble.find("a block is not in its owner's memory"),
            std::string::npos)
      << outcome.trouble;
}

TEST(BrokenFamilyTest, FreeThatWritesToANeighbour) {
  class : public Family {
    void Free(Kind kind, void* block, size_t size, size_t alignment) override {
      static_cast<char*>(block)[Family::UsableSize(block) + 40] ^= 1;
      Family::Free(kind, block, size, alignment);
    }
  } family;
  ExpectNoticed(family, "spoilt");
}

TEST(BrokenFamilyTest, TrimThatWritesToABlock) {
  class : public FaultAtAllocation {
    void* Replace(void* block) override { return block; }
    void Trim() override { last()[50] ^= 1; }
  } family;
  const Outcome outcome =
      RunInFork(Parse("malloc count=20 size=100\ntrim\ncheck\n"), family);
  EXPECT_NE(outcome.trouble.find("spoilt"), std::string::npos)
      << outcome.trouble;
}

TEST(BrokenFamilyTest, FreeThatDoesNotWipe) {
  class : public Family {
    void Free(Kind, void*, size_t, size_t) override {}
  } family;
  ExpectNoticed(family, "not wiped by free");
}

TEST(BrokenFamilyTest, ReallocThatDoesNotWipe) {
  class : public Family {
    void* Resize(Kind, void* block, size_t size) override {
      void* const moved = malloc(size);
      memcpy(moved, block, 100);
      return moved;
    }
  } family;
  ExpectNoticed(family, "not wiped by realloc");
}

TEST(BrokenFamilyTest, FreeThatKeepsTheBlock) {
  class : public Family {
    void Free(Kind, void*, size_t, size_t) override {}
  } family;
  const Outcome outcome = RunInFork(
      Parse("malloc in=gate:1 count=4 size=100\nfree count=3\nmeasure\n"),
      family);
  EXPECT_NE(outcome.trouble.find("has 1 blocks of 112 bytes, and is said to"),
            std::string::npos)
      << outcome.trouble;
}

TEST(BrokenFamilyTest, ACrash) {
  class : public FaultAtAllocation {
    void* Replace(void*) override { abort(); }
  } family;
  const Outcome outcome = RunOn(family);
  EXPECT_FALSE(outcome.in_order);
  EXPECT_TRUE(outcome.died);
}

// What a hostile compartment does to others is noticed, whether the process
// lives on or not.
class SpoilsAnother : public Family {
 public:
  explicit SpoilsAnother(bool dies) : dies_(dies) {}
  void Trim() override {
    // The first block of the root.
    char* const block = reinterpret_cast<char*>(root_block_);
    block[8] ^= 1;
    if (dies_) abort();
  }
  void* Allocate(Kind kind, size_t size, size_t alignment,
                 bh_compartment heap) override {
    void* const block = Family::Allocate(kind, size, alignment, heap);
    if (root_block_ == nullptr) root_block_ = block;
    return block;
  }

 private:
  const bool dies_;
  void* root_block_ = nullptr;
};

class SpoilsAnotherTest : public testing::TestWithParam<bool> {};

TEST_P(SpoilsAnotherTest, IsNoticed) {
  SpoilsAnother family(GetParam());
  // Without keys it is the root that is hostile, and so the first block must be
  // a compartment's, which is open to those inside.
  const OperationList list =
      Parse(HasCaches(1) ? "malloc size=100\n"
                           "poison_slots thread=1 in=scope:1 size=100\n"
                           "trim thread=1 in=scope:1\n"
                         : "malloc in=scope:0 size=100\n"
                           "poison_slots thread=1 size=100\n"
                           "trim thread=1 in=scope:0\n");
  const Outcome outcome = RunInFork(list, family);
  EXPECT_FALSE(outcome.in_order);
  EXPECT_NE(outcome.trouble.find("a hostile compartment changed a block"),
            std::string::npos)
      << outcome.trouble << outcome.messages;
}

INSTANTIATE_TEST_SUITE_P(WhetherItDies, SpoilsAnotherTest, testing::Bool());

// Of a hostile compartment's ends, those by reports and faults are in order.
Outcome RunHostile(Family& family) {
  return RunInFork(Parse("poison_slots thread=1 size=100\ntrim thread=1\n"),
                   family);
}

TEST(HostileDeathTest, AReportIsInOrder) {
  class : public Family {
    void Trim() override { free(this); }
  } family;
  const Outcome outcome = RunHostile(family);
  EXPECT_TRUE(outcome.in_order) << outcome.trouble;
  EXPECT_TRUE(outcome.died);
  EXPECT_EQ(ReportIn(outcome.messages), "wild-free");
}

TEST(HostileDeathTest, AnIllegalInstructionIsNot) {
  class : public Family {
    void Trim() override { __builtin_trap(); }
  } family;
  const Outcome outcome = RunHostile(family);
  EXPECT_FALSE(outcome.in_order);
  EXPECT_TRUE(outcome.died);
}

TEST(HostileDeathTest, TroubleOfBulkheadsOwnIsNot) {
  class : public Family {
    void Trim() override { bulkhead::Die("a state that nobody knows"); }
  } family;
  const Outcome outcome = RunHostile(family);
  EXPECT_FALSE(outcome.in_order);
  EXPECT_TRUE(outcome.died);
}

TEST(HostileDeathTest, AnExitIsNot) {
  class : public Family {
    void Trim() override { _exit(3); }
  } family;
  EXPECT_FALSE(RunHostile(family).in_order);
}

}  // namespace
}  // namespace bulkhead_fuzz
