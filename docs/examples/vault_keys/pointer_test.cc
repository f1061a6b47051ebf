// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/pointer.h"

#include <string.h>
#include <sys/mman.h>

#include "docs/examples/vault_keys/masked_key.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

class PointerTest : public testing::Test {
 protected:
  PointerTest() : key_(2048) {
    scanner_.SetKey(key_.public_key(), PemLines());
    page_ =
        static_cast<uint8_t*>(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    key_.PlantSmaller(page_, ByteOrder::kLittleEndian);
  }
  ~PointerTest() override { munmap(page_, kPageBytes); }

  PointerResult Follow() {
    return FollowPointer(reinterpret_cast<uintptr_t>(page_),
                         key_.factor_bytes(), &scanner_);
  }

  static Scanner scanner_;
  const MaskedKey key_;
  uint8_t* page_ = nullptr;
};

Scanner PointerTest::scanner_;

TEST_F(PointerTest, LeaksWhatCanBeRead) {
  EXPECT_EQ(Follow().outcome, PointerOutcome::kLeaked);
}

TEST_F(PointerTest, DoesNotTakeABareFaultForAStop) {
  ASSERT_EQ(mprotect(page_, kPageBytes, PROT_NONE), 0);
  EXPECT_EQ(Follow().outcome, PointerOutcome::kCrashed);
}

TEST_F(PointerTest, DoesNotTakeOtherBytesForAKey) {
  memset(page_, 0x5a, kPageBytes);
  EXPECT_EQ(Follow().outcome, PointerOutcome::kCrashed);
}

}  // namespace
}  // namespace bulkhead::vault_keys
