// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/reservation.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace bulkhead {
namespace {

constexpr uint64_t kGib = uint64_t{1} << 30;

TEST(AllowedReservationTest, LeavesHalfOfALimitToTheProgram) {
  EXPECT_EQ(AllowedReservation(16 * kGib, RLIM_INFINITY, 0), 16 * kGib);
  EXPECT_EQ(AllowedReservation(16 * kGib, 64 * kGib, kGib), 16 * kGib);
  EXPECT_EQ(AllowedReservation(16 * kGib, 9 * kGib, kGib), 4 * kGib);
  EXPECT_EQ(AllowedReservation(16 * kGib, kGib, 2 * kGib), 0u);
}

// Not the process's own: this test runs on glibc's malloc.
class ReservationTest : public testing::Test {
 protected:
  Reservation space;
};

TEST_F(ReservationTest, StandsOnABoundaryOfItsCages) {
  ASSERT_TRUE(space.Reserve(64 * kGib));
  EXPECT_EQ(space.bytes(), 64 * kGib);
  EXPECT_EQ(space.begin() % (4 * kGib), 0u);
  EXPECT_EQ(space.cages() * space.cage_bytes(), space.bytes());
  EXPECT_EQ(space.Owner(space.begin()), kBulkhead);
  EXPECT_EQ(space.Owner(space.begin() - 1), kNobody);
  EXPECT_EQ(space.Owner(space.begin() + space.bytes()), kNobody);
}

TEST_F(ReservationTest, TakesFromBothEndsAndFindsOwners) {
  ASSERT_TRUE(space.Reserve(kGib));
  const PageRange low = space.Take(7, 1, 0, true);
  const PageRange high = space.Take(8, 1, 0, false);
  EXPECT_EQ(low.begin, space.live_map().end());
  EXPECT_EQ(high.end(), space.begin() + space.bytes());
  EXPECT_EQ(space.Owner(low.begin), 7);
  EXPECT_EQ(space.Owner(low.end() - 1), 7);
  EXPECT_EQ(space.Owner(low.end()), kNobody);
  EXPECT_EQ(space.Owner(high.begin), 8);
}

TEST_F(ReservationTest, GrowsWhereItCan) {
  ASSERT_TRUE(space.Reserve(kGib));
  const PageRange first = space.Take(7, 1, 0, true);
  const PageRange second =
      space.Take(7, 3 * space.cage_bytes(), first.end(), true);
  EXPECT_EQ(second.begin, first.end());
  EXPECT_EQ(second.bytes, 3 * space.cage_bytes());
}

TEST_F(ReservationTest, GivesBackAndTakesAgain) {
  ASSERT_TRUE(space.Reserve(kGib));
  const PageRange range = space.Take(7, 1, 0, false);
  ASSERT_TRUE(space.GiveBack(range));
  EXPECT_EQ(space.Owner(range.begin), kNobody);
  EXPECT_EQ(space.Take(8, 1, 0, false).begin, range.begin);
}

TEST_F(ReservationTest, RunsOutWithoutHarm) {
  ASSERT_TRUE(space.Reserve(kGib));
  EXPECT_EQ(space.Take(7, 2 * kGib, 0, true).bytes, 0u);
  while (space.Take(7, 1, 0, true).bytes != 0) {
  }
  EXPECT_EQ(space.Take(8, 1, 0, false).bytes, 0u);
}

}  // namespace
}  // namespace bulkhead
