// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/signer.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include <string>

#include "docs/examples/vault_keys/verifier.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

const uint8_t kMessage[] = {'s', 'i', 'g', 'n', ' ', 'm', 'e'};

std::string PathOf(const std::string& name) {
  return testing::TempDir() + "/signer_test_" + name + ".pem";
}

void Write(const std::string& name, EVP_PKEY* key, const char* password) {
  FILE* const file = fopen(PathOf(name).c_str(), "w");
  ASSERT_NE(file, nullptr);
  const auto* const secret = reinterpret_cast<const unsigned char*>(password);
  EXPECT_EQ(
      PEM_write_PrivateKey(
          file, key, password == nullptr ? nullptr : EVP_aes_128_cbc(), secret,
          password == nullptr ? 0 : static_cast<int>(strlen(password)), nullptr,
          nullptr),
      1);
  fclose(file);
}

EVP_PKEY* MultiPrimeKey() {
  EVP_PKEY_CTX* const context =
      EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_keygen_init(context) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_primes(context, 3) != 1 ||
      EVP_PKEY_keygen(context, &key) != 1) {
    ADD_FAILURE() << "no key with three primes";
  }
  EVP_PKEY_CTX_free(context);
  return key;
}

class SignerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(WarmUp());
    EVP_PKEY* const key = EVP_RSA_gen(2048);
    Write("good", key, nullptr);
    Write("encrypted", key, "secret");
    EVP_PKEY_free(key);
  }

  SignerStatus Load(const std::string& name) {
    return signer_.Load(PathOf(name).c_str(), &public_key_);
  }

  ~SignerTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  Signer signer_{LibraryContext::kOwn};
  PublicKeyDer public_key_;
};

TEST_F(SignerTest, SignsWhatTheVerifierAccepts) {
  ASSERT_EQ(Load("good"), SignerStatus::kOk);
  uint8_t signature[kMostSignatureBytes];
  size_t size = sizeof(signature);
  ASSERT_EQ(signer_.Sign(kMessage, sizeof(kMessage), signature, &size),
            SignerStatus::kOk);
  EXPECT_EQ(size, 256u);
  Verifier verifier;
  ASSERT_TRUE(verifier.Read(public_key_));
  EXPECT_TRUE(verifier.Verify(kMessage, sizeof(kMessage), signature, size));
  signature[100] ^= 1;
  EXPECT_FALSE(verifier.Verify(kMessage, sizeof(kMessage), signature, size));
  PublicKey numbers;
  ASSERT_TRUE(verifier.GetNumbers(&numbers));
  EXPECT_EQ(numbers.modulus_bytes, 256u);
  EXPECT_EQ(numbers.exponent, 65537u);
  EXPECT_GE(numbers.modulus[0], 0x80);
}

TEST_F(SignerTest, SignsNothingWithoutAKey) {
  uint8_t signature[kMostSignatureBytes];
  size_t size = sizeof(signature);
  EXPECT_EQ(signer_.Sign(kMessage, sizeof(kMessage), signature, &size),
            SignerStatus::kNotLoaded);
  ASSERT_EQ(Load("good"), SignerStatus::kOk);
  signer_.Free();
  EXPECT_EQ(signer_.Sign(kMessage, sizeof(kMessage), signature, &size),
            SignerStatus::kNotLoaded);
}

TEST_F(SignerTest, SaysThatThereIsNoFile) {
  EXPECT_EQ(Load("missing"), SignerStatus::kNoFile);
}

TEST_F(SignerTest, SaysThatThereIsNoKey) {
  FILE* const file = fopen(PathOf("text").c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs("-----BEGIN PRIVATE KEY-----\nnot base64!\n", file);
  fclose(file);
  EXPECT_EQ(Load("text"), SignerStatus::kNoKey);
}

TEST_F(SignerTest, SaysThatTheKeyIsEncrypted) {
  EXPECT_EQ(Load("encrypted"), SignerStatus::kEncrypted);
}

TEST_F(SignerTest, SaysThatTheKeyIsNotRsa) {
  // What EVP_EC_gen stands for, whose cast drops a const.
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  Write("ec", key, nullptr);
  EVP_PKEY_free(key);
  EXPECT_EQ(Load("ec"), SignerStatus::kNotRsa);
}

TEST_F(SignerTest, SaysThatTheKeyIsTooSmall) {
  EVP_PKEY* const key = EVP_RSA_gen(1024);
  Write("small", key, nullptr);
  EVP_PKEY_free(key);
  EXPECT_EQ(Load("small"), SignerStatus::kWrongSize);
}

TEST_F(SignerTest, SaysThatTheKeyHasMorePrimes) {
  EVP_PKEY* const key = MultiPrimeKey();
  Write("three", key, nullptr);
  EVP_PKEY_free(key);
  EXPECT_EQ(Load("three"), SignerStatus::kMorePrimes);
}

TEST_F(SignerTest, ForgetsTheOldKeyWhenTheNewOneIsBad) {
  ASSERT_EQ(Load("good"), SignerStatus::kOk);
  EXPECT_EQ(Load("missing"), SignerStatus::kNoFile);
  uint8_t signature[kMostSignatureBytes];
  size_t size = sizeof(signature);
  EXPECT_EQ(signer_.Sign(kMessage, sizeof(kMessage), signature, &size),
            SignerStatus::kOk);
  EXPECT_EQ(Load("encrypted"), SignerStatus::kEncrypted);
  EXPECT_EQ(signer_.Sign(kMessage, sizeof(kMessage), signature, &size),
            SignerStatus::kNotLoaded);
}

TEST_F(SignerTest, HasATextForEveryStatus) {
  for (int32_t i = 0; i <= static_cast<int32_t>(SignerStatus::kLibrary); ++i) {
    EXPECT_STRNE(TextOf(static_cast<SignerStatus>(i)), "an unknown status");
  }
}

}  // namespace
}  // namespace bulkhead::vault_keys
