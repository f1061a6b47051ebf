// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The store in the vault, called as its program calls it and as a caller would
// that wants it to be its deputy.

#include <string.h>

#include <cstdint>
#include <string>
#include <thread>

#include "bulkhead/bulkhead.h"
#include "docs/examples/vault_keys/key_store.h"
#include "docs/examples/vault_keys/rsa_file.h"
#include "docs/examples/vault_keys/verifier.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

const uint8_t kMessage[] = {'d', 'e', 'p', 'u', 't', 'y'};

// The process has one store: it is opened once, for all tests.
class KeyStoreVaultTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    path_ = testing::TempDir() + "/key_store_vault_test.pem";
    ASSERT_TRUE(WriteRsaFile(path_));
    ASSERT_TRUE(WarmUp());
    std::string error;
    ASSERT_TRUE(key_store::Open(LibraryContext::kOwn, &error)) << error;
    ASSERT_EQ(bh_find("keys", &vault_), BH_OK);
    inside_ = bh_malloc(vault_, kInsideBytes);
    ASSERT_NE(inside_, nullptr);
  }

  static void TearDownTestSuite() {
    EXPECT_EQ(key_store::Close(), SignerStatus::kOk);
    bh_compartment vault;
    EXPECT_EQ(bh_find("keys", &vault), BH_ERR_NOT_FOUND);
  }

  void SetUp() override {
    ASSERT_EQ(key_store::Load(path_, &public_key_), SignerStatus::kOk);
  }

  template <typename T>
  static T* Inside() {
    return static_cast<T*>(inside_);
  }

  static constexpr size_t kInsideBytes = 4096;
  static std::string path_;
  static bh_compartment vault_;
  static void* inside_;

  PublicKeyDer public_key_;
  uint8_t signature_[kMostSignatureBytes] = {};
  size_t size_ = sizeof(signature_);
};

std::string KeyStoreVaultTest::path_;
bh_compartment KeyStoreVaultTest::vault_;
void* KeyStoreVaultTest::inside_;

TEST_F(KeyStoreVaultTest, SignsForItsCaller) {
  ASSERT_EQ(key_store::Sign(kMessage, sizeof(kMessage), signature_, &size_),
            SignerStatus::kOk);
  Verifier verifier;
  ASSERT_TRUE(verifier.Read(public_key_));
  EXPECT_TRUE(verifier.Verify(kMessage, sizeof(kMessage), signature_, size_));
}

TEST_F(KeyStoreVaultTest, ReportsABadFile) {
  EXPECT_EQ(key_store::Load("/nonexistent", &public_key_),
            SignerStatus::kNoFile);
}

TEST_F(KeyStoreVaultTest, DoesNotSignItsOwnMemory) {
  EXPECT_EQ(key_store::Sign(Inside<uint8_t>(), 16, signature_, &size_),
            SignerStatus::kRefused);
}

TEST_F(KeyStoreVaultTest, DoesNotWriteItsOwnMemory) {
  EXPECT_EQ(
      key_store::Sign(kMessage, sizeof(kMessage), Inside<uint8_t>(), &size_),
      SignerStatus::kRefused);
  EXPECT_EQ(
      key_store::Sign(kMessage, sizeof(kMessage), signature_, Inside<size_t>()),
      SignerStatus::kRefused);
  EXPECT_EQ(key_store::Load(path_, Inside<PublicKeyDer>()),
            SignerStatus::kRefused);
}

TEST_F(KeyStoreVaultTest, RefusesRangesThatReachIntoIt) {
  const auto inside = reinterpret_cast<uintptr_t>(inside_);
  auto* const before = reinterpret_cast<uint8_t*>(uintptr_t{4096});
  size_t reaching = inside - 4096 + 1;
  EXPECT_EQ(key_store::Sign(kMessage, sizeof(kMessage), before, &reaching),
            SignerStatus::kRefused);
  size_t wrapping = SIZE_MAX - 64;
  EXPECT_EQ(key_store::Sign(kMessage, sizeof(kMessage), signature_, &wrapping),
            SignerStatus::kRefused);
  EXPECT_EQ(key_store::Sign(kMessage, SIZE_MAX, signature_, &size_),
            SignerStatus::kRefused);
}

TEST_F(KeyStoreVaultTest, WritesNoMoreThanItsCallerHasRoomFor) {
  size_t small = 100;
  EXPECT_EQ(key_store::Sign(kMessage, sizeof(kMessage), signature_, &small),
            SignerStatus::kRefused);
  EXPECT_EQ(small, 100u);
  for (uint8_t byte : signature_) EXPECT_EQ(byte, 0);
}

TEST_F(KeyStoreVaultTest, ServesThreadsThatEndTheirStateInside) {
  for (int i = 0; i < 3; ++i) {
    std::thread([this] {
      size_ = sizeof(signature_);
      EXPECT_EQ(key_store::Sign(kMessage, sizeof(kMessage), signature_, &size_),
                SignerStatus::kOk);
      EXPECT_EQ(key_store::EndThread(), SignerStatus::kOk);
      Verifier verifier;
      EXPECT_TRUE(verifier.Read(public_key_));
      EXPECT_TRUE(
          verifier.Verify(kMessage, sizeof(kMessage), signature_, size_));
    }).join();
  }
}

TEST_F(KeyStoreVaultTest, StopsAThreadThatLeavesItsStateInside) {
  EXPECT_DEATH(std::thread([this] {
                 key_store::Sign(kMessage, sizeof(kMessage), signature_,
                                 &size_);
               }).join(),
               "compartment-read on address .*\n.*\n"
               "  address belongs to: compartment 'keys'");
}

TEST_F(KeyStoreVaultTest, SignsNothingAfterTheKeyWasFreed) {
  ASSERT_EQ(key_store::Free(), SignerStatus::kOk);
  EXPECT_EQ(key_store::Sign(kMessage, sizeof(kMessage), signature_, &size_),
            SignerStatus::kNotLoaded);
}

}  // namespace
}  // namespace bulkhead::vault_keys
