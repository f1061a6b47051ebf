// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The fixture of these tests: another user whose bits have one of the four
// values, and two vaults.

#ifndef BULKHEAD_TESTS_COEXISTENCE_FIXTURE_H_
#define BULKHEAD_TESTS_COEXISTENCE_FIXTURE_H_

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/coexistence/other_user.h"
#include "tests/support/scale.h"

namespace bulkhead_test {

class CoexistenceTest : public ::testing::TestWithParam<int> {
 protected:
  // In the header, so that the vaults get the gates of the test's own program.
  void SetUp() override {
    bh_options options = {};
    options.scopes = BH_ON;
    const auto keys = bulkhead::Compartment::Create("keys", options);
    const auto other = bulkhead::Compartment::Create("other");
    ASSERT_TRUE(keys.ok() && other.ok());
    keys_ = *keys;
    other_ = *other;
    bits_ = SetBits(user_.key(), GetParam());
  }

  // Whatever a test did, bits and pages are as they were.
  void TearDown() override {
    ExpectBits();
    user_.ExpectPages();
    EXPECT_TRUE(keys_.Destroy().ok());
    EXPECT_TRUE(other_.Destroy().ok());
    ExpectBits();
    user_.ExpectPages();
  }

  void ExpectBits() const { EXPECT_EQ(Bits(user_.key()), bits_); }

  const Watchdog watchdog_;
  OtherUser user_;
  int bits_ = kNoBits;
  bulkhead::Compartment keys_ = bulkhead::Compartment::Root();
  bulkhead::Compartment other_ = bulkhead::Compartment::Root();
};

}  // namespace bulkhead_test

// Each test with each value of the bits.
#define WITH_ALL_BITS(name) \
  INSTANTIATE_TEST_SUITE_P(Bits, name, ::testing::Values(0, 1, 2, 3))

#endif  // BULKHEAD_TESTS_COEXISTENCE_FIXTURE_H_
