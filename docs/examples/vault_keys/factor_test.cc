// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/factor.h"

#include <string.h>

#include <vector>

#include "docs/examples/vault_keys/masked_key.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

class FactorTestTest : public testing::TestWithParam<int> {
 protected:
  FactorTestTest() : key_(GetParam()), bytes_(key_.factor_bytes()) {
    factor_.SetModulus(key_.public_key());
  }

  MaskedKey key_;
  std::vector<uint8_t> bytes_;
  FactorTest factor_;
};

TEST_P(FactorTestTest, KnowsTheSizeOfAFactor) {
  EXPECT_EQ(factor_.candidate_bytes(), static_cast<size_t>(GetParam()) / 16);
}

TEST_P(FactorTestTest, RecognisesBothFactorsInBothOrders) {
  key_.PlantSmaller(bytes_.data(), ByteOrder::kLittleEndian);
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kSmaller);
  EXPECT_EQ(factor_.CheckBigEndian(bytes_.data()), Factor::kNone);
  key_.PlantLarger(bytes_.data(), ByteOrder::kLittleEndian);
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kLarger);
  key_.PlantSmaller(bytes_.data(), ByteOrder::kBigEndian);
  EXPECT_EQ(factor_.CheckBigEndian(bytes_.data()), Factor::kSmaller);
  key_.PlantLarger(bytes_.data(), ByteOrder::kBigEndian);
  EXPECT_EQ(factor_.CheckBigEndian(bytes_.data()), Factor::kLarger);
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kNone);
}

TEST_P(FactorTestTest, RejectsAFactorWithAnyBitChanged) {
  key_.PlantLarger(bytes_.data(), ByteOrder::kLittleEndian);
  for (size_t bit = 0; bit < bytes_.size() * 8; bit += 7) {
    bytes_[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kNone) << bit;
    bytes_[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kLarger);
}

TEST_P(FactorTestTest, RejectsZeroOnesAndHalvesOfTheModulus) {
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kNone);
  memset(bytes_.data(), 0xff, bytes_.size());
  EXPECT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kNone);
  const uint8_t* const modulus = key_.public_key().modulus;
  EXPECT_EQ(factor_.CheckBigEndian(modulus), Factor::kNone);
  EXPECT_EQ(factor_.CheckBigEndian(modulus + bytes_.size()), Factor::kNone);
}

TEST_P(FactorTestTest, KeepsNoFactorInItself) {
  key_.PlantSmaller(bytes_.data(), ByteOrder::kLittleEndian);
  ASSERT_EQ(factor_.CheckLittleEndian(bytes_.data()), Factor::kSmaller);
  EXPECT_EQ(memmem(&factor_, sizeof(factor_), bytes_.data(), bytes_.size()),
            nullptr);
  key_.PlantLarger(bytes_.data(), ByteOrder::kLittleEndian);
  EXPECT_EQ(memmem(&factor_, sizeof(factor_), bytes_.data(), bytes_.size()),
            nullptr);
}

INSTANTIATE_TEST_SUITE_P(Bits, FactorTestTest,
                         testing::Values(2048, 3072, 3200, 4096));

}  // namespace
}  // namespace bulkhead::vault_keys
