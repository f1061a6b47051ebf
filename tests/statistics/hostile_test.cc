// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A compartment that lies about what its caches hold misleads about itself
// alone, and not beyond what it could hold.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "allocator/heap/thread_cache.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/thread/thread_record.h"
#include "tests/statistics/snapshot.h"
#include "tests/support/busy_threads.h"

namespace {

using bulkhead::ClassOf;
using bulkhead::Compartment;
using bulkhead::Index;
using bulkhead_test::BusyThreads;
using bulkhead_test::Snapshot;

constexpr size_t kSize = 1792;

bulkhead::CacheBin& BinIn(uint32_t row) {
  return bulkhead::RecordAtGs()->caches[row]->bins[Index(ClassOf(kSize))];
}

// Says that the cache of the calling thread's, in the compartment that it is
// in, holds so many blocks. Returns what it said before.
uint32_t Forge(uint32_t row, uint32_t count) {
  auto& stated = const_cast<volatile uint32_t&>(BinIn(row).count);
  const uint32_t before = stated;
  stated = count;
  return before;
}

bool Keep() { return malloc(kSize) != nullptr; }
BULKHEAD_ENTRY(kKeep, "liar", Keep);
BULKHEAD_ENTRY(kKeepHonestly, "honest", Keep);
BULKHEAD_ENTRY(kForge, "liar", Forge);

class HostileTest : public testing::Test {
 protected:
  void SetUp() override {
    auto liar = Compartment::Create("liar");
    auto honest = Compartment::Create("honest");
    ASSERT_TRUE(liar.ok() && honest.ok());
    liar_ = *liar;
    honest_ = *honest;
    ASSERT_TRUE(liar_.Call(kKeep).value_or(false));
    ASSERT_TRUE(honest_.Call(kKeepHonestly).value_or(false));
  }
  void TearDown() override {
    EXPECT_EQ(liar_.Destroy(), absl::OkStatus());
    EXPECT_EQ(honest_.Destroy(), absl::OkStatus());
  }

  static bool VaultsHaveCaches() { return bh_get_level() == BH_LEVEL_PKU; }

  uint32_t row() const { return liar_.handle().id; }

  // Lies in the vault where it has a cache, and in the root elsewhere.
  uint32_t Say(uint32_t count) const {
    return VaultsHaveCaches() ? liar_.Call(kForge, row(), count).value()
                              : Forge(0, count);
  }
  static std::string Liar() { return VaultsHaveCaches() ? "liar" : "root"; }

  Compartment liar_{bh_compartment{0, 0}};
  Compartment honest_{bh_compartment{0, 0}};
};

TEST_F(HostileTest, WhatNoBinCanHoldIsNotBelieved) {
  void* const block = malloc(kSize);
  const Snapshot before;
  for (const uint32_t lie : {UINT32_MAX, 0x80000000u, 64u, 63u}) {
    const uint32_t truth = Say(lie);
    const Snapshot during;
    Say(truth);
    EXPECT_EQ(during.Class(Liar(), kSize, "cached"), 0u) << lie;
    EXPECT_EQ(during.Class(Liar(), kSize, "live"),
              before.Class(Liar(), kSize, "allocations") -
                  before.Class(Liar(), kSize, "frees"));
    EXPECT_EQ(during.Class("honest", kSize, "live"), 1u);
    EXPECT_EQ(during.Class("honest", kSize, "cached"),
              before.Class("honest", kSize, "cached"));
  }
  const Snapshot after;
  EXPECT_EQ(after.Class(Liar(), kSize, "live"),
            before.Class(Liar(), kSize, "live"));
  free(block);
}

TEST_F(HostileTest, MoreThanTheHeapHandedOutIsCut) {
  void* const block = malloc(kSize);
  const Snapshot before;
  const uint64_t out = before.Class(Liar(), kSize, "allocations") -
                       before.Class(Liar(), kSize, "frees");
  // A bin can hold that many, but so many never left the heap.
  ASSERT_LT(out, 62u);
  const uint32_t truth = Say(62);
  const Snapshot during;
  Say(truth);
  EXPECT_EQ(during.Class(Liar(), kSize, "cached"), out);
  EXPECT_EQ(during.Class(Liar(), kSize, "live"), 0u);
  EXPECT_EQ(during.Class("honest", kSize, "live"), 1u);
  free(block);
}

// Each liar has a cache of its own, and lies about blocks that it never uses.
TEST_F(HostileTest, LiesThatChange) {
  const BusyThreads liars(1, [this] {
    free(malloc(1));
    if (VaultsHaveCaches() && !liar_.Call(kKeep).value_or(false)) abort();
    const uint32_t truth = Say(0);
    for (int bit = 0; bit < 32; ++bit) Say(uint32_t{3} << bit);
    Say(truth);
  });
  for (int i = 0; i < 50; ++i) {
    const Snapshot snapshot;
    EXPECT_EQ(snapshot.Class("honest", kSize, "live"), 1u);
  }
}

}  // namespace
