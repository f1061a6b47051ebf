// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The vault as the provider calls it, as threads and children use it, and as a
// caller would that wants it to be its deputy.

#include "docs/examples/vault_tls/key_vault.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/bulkhead.h"
#include "docs/examples/vault_keys/rsa_file.h"
#include "docs/examples/vault_keys/verifier.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_tls {
namespace {

using vault_keys::PublicKeyDer;
using vault_keys::Scheme;
using vault_keys::SignerStatus;
using vault_keys::Verifier;

const uint8_t kMessage[] = {'d', 'e', 'p', 'u', 't', 'y'};
constexpr size_t kInsideBytes = 4096;

class KeyVaultTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    path_ = testing::TempDir() + "/key_vault_test.pem";
    ASSERT_TRUE(vault_keys::WriteRsaFile(path_));
    std::string error;
    ASSERT_TRUE(OpenVault(&error)) << error;
    ASSERT_EQ(bh_find("tls_keys", &vault_), BH_OK);
    inside_ = bh_malloc(vault_, kInsideBytes);
    ASSERT_NE(inside_, nullptr);
  }

  void SetUp() override {
    ASSERT_EQ(LoadKey(path_, &slot_, &public_key_), SignerStatus::kOk);
  }
  void TearDown() override { FreeKey(slot_); }

  SignerStatus Sign(KeySlot slot, const uint8_t* message = kMessage,
                    size_t message_size = sizeof(kMessage)) {
    size_ = sizeof(signature_);
    return SignWithKey(slot, Scheme(), message, message_size, signature_,
                       &size_);
  }

  bool SignsWell(KeySlot slot) {
    Verifier verifier;
    return Sign(slot) == SignerStatus::kOk && verifier.Read(public_key_) &&
           verifier.Verify(kMessage, sizeof(kMessage), signature_, size_);
  }

  template <typename T>
  static T* Inside() {
    return static_cast<T*>(inside_);
  }

  static std::string path_;
  static bh_compartment vault_;
  static void* inside_;

  KeySlot slot_ = -1;
  PublicKeyDer public_key_;
  uint8_t signature_[vault_keys::kMostSignatureBytes] = {};
  size_t size_ = 0;
};

std::string KeyVaultTest::path_;
bh_compartment KeyVaultTest::vault_;
void* KeyVaultTest::inside_;

TEST_F(KeyVaultTest, SignsForItsCaller) { EXPECT_TRUE(SignsWell(slot_)); }

TEST_F(KeyVaultTest, KeepsKeysApart) {
  const std::string other_path = testing::TempDir() + "/key_vault_test_2.pem";
  ASSERT_TRUE(vault_keys::WriteRsaFile(other_path));
  KeySlot other = -1;
  PublicKeyDer other_public;
  ASSERT_EQ(LoadKey(other_path, &other, &other_public), SignerStatus::kOk);
  EXPECT_NE(other, slot_);
  EXPECT_TRUE(SignsWell(slot_));
  EXPECT_FALSE(SignsWell(other));
  public_key_ = other_public;
  EXPECT_TRUE(SignsWell(other));
  FreeKey(other);
  EXPECT_EQ(Sign(other), SignerStatus::kNotLoaded);
}

TEST_F(KeyVaultTest, HasSomeKeysAndNoMore) {
  std::vector<KeySlot> slots;
  SignerStatus status = SignerStatus::kOk;
  for (;;) {
    KeySlot slot = -1;
    status = LoadKey(path_, &slot, &public_key_);
    if (status != SignerStatus::kOk) break;
    slots.push_back(slot);
    ASSERT_LT(slots.size(), 1000u);
  }
  EXPECT_EQ(status, SignerStatus::kRefused);
  EXPECT_GT(slots.size(), 10u);
  for (KeySlot slot : slots) FreeKey(slot);
  KeySlot slot = -1;
  EXPECT_EQ(LoadKey(path_, &slot, &public_key_), SignerStatus::kOk);
  FreeKey(slot);
}

TEST_F(KeyVaultTest, ReportsABadFile) {
  KeySlot slot = -1;
  EXPECT_EQ(LoadKey("/nonexistent", &slot, &public_key_),
            SignerStatus::kNoFile);
  const std::string spoilt = testing::TempDir() + "/key_vault_test_spoilt.pem";
  std::ofstream(spoilt) << "-----BEGIN PRIVATE KEY-----\nMIIBAAAA\n"
                           "-----END PRIVATE KEY-----\n";
  EXPECT_NE(LoadKey(spoilt, &slot, &public_key_), SignerStatus::kOk);
  EXPECT_EQ(slot, -1);
  // Errors that arose inside are not met outside, where OpenSSL uses their
  // places, and the memory of their texts, again.
  EXPECT_EQ(ERR_peek_error(), 0u);
  for (int i = 0; i < 2 * ERR_NUM_ERRORS; ++i) {
    ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "number %d", i);
  }
  ERR_clear_error();
  EXPECT_TRUE(SignsWell(slot_));
}

TEST_F(KeyVaultTest, RefusesWhatIsNoKey) {
  for (const KeySlot slot : {-1, -1000, 64, 1 << 30}) {
    EXPECT_EQ(Sign(slot), SignerStatus::kRefused) << slot;
    FreeKey(slot);
  }
  Scheme scheme;
  scheme.digest = static_cast<vault_keys::Digest>(77);
  size_ = sizeof(signature_);
  EXPECT_EQ(SignWithKey(slot_, scheme, kMessage, sizeof(kMessage), signature_,
                        &size_),
            SignerStatus::kRefused);
}

TEST_F(KeyVaultTest, DoesNotSignItsOwnMemory) {
  EXPECT_EQ(Sign(slot_, Inside<uint8_t>(), 16), SignerStatus::kRefused);
  EXPECT_EQ(Sign(slot_, kMessage, SIZE_MAX), SignerStatus::kRefused);
}

TEST_F(KeyVaultTest, DoesNotWriteItsOwnMemory) {
  size_ = sizeof(signature_);
  EXPECT_EQ(SignWithKey(slot_, Scheme(), kMessage, sizeof(kMessage),
                        Inside<uint8_t>(), &size_),
            SignerStatus::kRefused);
  EXPECT_EQ(SignWithKey(slot_, Scheme(), kMessage, sizeof(kMessage), signature_,
                        Inside<size_t>()),
            SignerStatus::kRefused);
  KeySlot slot = -1;
  EXPECT_EQ(LoadKey(path_, &slot, Inside<PublicKeyDer>()),
            SignerStatus::kRefused);
  EXPECT_EQ(LoadKey(path_, Inside<KeySlot>(), &public_key_),
            SignerStatus::kRefused);
}

// What OpenSSL keeps for a thread is freed at the thread's end, outside.
TEST_F(KeyVaultTest, ServesThreadsThatEnd) {
  for (int i = 0; i < 3; ++i) {
    std::thread([this] { EXPECT_TRUE(SignsWell(slot_)); }).join();
  }
  std::thread([this] { EXPECT_EQ(Sign(-1), SignerStatus::kRefused); }).join();
}

// exit() frees what OpenSSL has, outside.
TEST_F(KeyVaultTest, ServesChildrenThatExit) {
  const pid_t child = fork();
  if (child == 0) exit(SignsWell(slot_) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(SignsWell(slot_));
}

}  // namespace
}  // namespace bulkhead::vault_tls
