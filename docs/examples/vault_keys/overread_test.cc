// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/overread.h"

#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "docs/examples/vault_keys/masked_key.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

constexpr size_t kBlocks = 2000;
constexpr size_t kBlockBytes = 256;

size_t CopiesIn(const std::vector<OverreadResult>& results) {
  size_t copies = 0;
  for (const OverreadResult& result : results) {
    EXPECT_TRUE(result.ran);
    EXPECT_LE(result.bytes_out, kOverreadBytes);
    copies += result.findings.Copies();
  }
  return copies;
}

class OverreadTest : public testing::Test {
 protected:
  OverreadTest() : key_(2048), blocks_(kBlocks) {
    scanner_.SetKey(key_.public_key(), PemLines());
  }
  ~OverreadTest() override {
    for (uint8_t* block : blocks_) {
      explicit_bzero(block, kBlockBytes);
      free(block);
    }
  }

  // Fills the heap so that most of what lies behind a block is another one.
  void FillHeap() {
    for (uint8_t*& block : blocks_) {
      block = static_cast<uint8_t*>(calloc(1, kBlockBytes));
      ASSERT_NE(block, nullptr);
    }
  }

  static Scanner scanner_;
  const MaskedKey key_;
  std::vector<uint8_t*> blocks_;
};

Scanner OverreadTest::scanner_;

TEST_F(OverreadTest, BringsOutCopiesThatLieBehindABuffer) {
  OverreadBuffers buffers;
  ASSERT_TRUE(buffers.Allocate("before"));
  FillHeap();
  ASSERT_TRUE(buffers.Allocate("after"));
  for (uint8_t* block : blocks_) {
    key_.PlantSmaller(block + 8, ByteOrder::kBigEndian);
  }
  std::vector<OverreadResult> results;
  buffers.Attack(&scanner_, &results);
  EXPECT_GT(CopiesIn(results), 0u);
}

TEST_F(OverreadTest, BringsOutNoCopiesWhereThereAreNone) {
  OverreadBuffers buffers;
  ASSERT_TRUE(buffers.Allocate("before"));
  FillHeap();
  std::vector<OverreadResult> results;
  buffers.Attack(&scanner_, &results);
  EXPECT_EQ(CopiesIn(results), 0u);
  const bool any_bytes = std::any_of(
      results.begin(), results.end(),
      [](const OverreadResult& result) { return result.bytes_out > 0; });
  EXPECT_TRUE(any_bytes);
}

TEST_F(OverreadTest, AttacksEachBufferOnce) {
  FillHeap();
  OverreadBuffers buffers;
  std::vector<OverreadResult> results;
  ASSERT_TRUE(buffers.Allocate("first"));
  buffers.Attack(&scanner_, &results);
  const size_t sizes = results.size();
  EXPECT_GT(sizes, 3u);
  ASSERT_TRUE(buffers.Allocate("second"));
  buffers.Attack(&scanner_, &results);
  ASSERT_EQ(results.size(), 2 * sizes);
  EXPECT_EQ(results.front().moment, "first");
  EXPECT_EQ(results.back().moment, "second");
}

}  // namespace
}  // namespace bulkhead::vault_keys
