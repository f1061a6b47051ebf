// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A vault for each test, which the test may destroy by itself.

#ifndef BULKHEAD_TESTS_API_VAULT_FIXTURE_H_
#define BULKHEAD_TESTS_API_VAULT_FIXTURE_H_

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/api/inside.h"

namespace bulkhead_test {

class VaultFixture : public testing::Test {
 protected:
  void SetUp() override {
    auto made = bulkhead::Compartment::Create("vault");
    ASSERT_TRUE(made.ok()) << made.status();
    vault = *made;
  }
  void TearDown() override {
    if (bh_name(vault.handle()) != nullptr) {
      EXPECT_EQ(vault.Destroy(), absl::OkStatus());
    }
  }
  bulkhead::Compartment vault = Root();
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_API_VAULT_FIXTURE_H_
