// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/verifier.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace bulkhead::vault_keys {

Verifier::~Verifier() { EVP_PKEY_free(key_); }

bool Verifier::Read(const PublicKeyDer& der) {
  EVP_PKEY_free(key_);
  const uint8_t* bytes = der.bytes;
  key_ = d2i_PUBKEY(nullptr, &bytes, static_cast<long>(der.size));
  ERR_clear_error();
  return key_ != nullptr;
}

bool Verifier::GetNumbers(PublicKey* key) const {
  BIGNUM* modulus = nullptr;
  BIGNUM* exponent = nullptr;
  bool good =
      EVP_PKEY_get_bn_param(key_, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1 &&
      EVP_PKEY_get_bn_param(key_, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
  if (good) {
    key->modulus_bytes = static_cast<size_t>(BN_num_bytes(modulus));
    uint8_t bytes[sizeof(key->exponent)] = {};
    good = key->modulus_bytes <= sizeof(key->modulus) &&
           BN_bn2bin(modulus, key->modulus) > 0 &&
           BN_bn2binpad(exponent, bytes, sizeof(bytes)) > 0;
    key->exponent = 0;
    for (uint8_t byte : bytes) key->exponent = key->exponent << 8 | byte;
  }
  BN_free(modulus);
  BN_free(exponent);
  ERR_clear_error();
  return good;
}

bool Verifier::WritePem(const char* path) const {
  BIO* const file = BIO_new_file(path, "w");
  const bool written = file != nullptr && PEM_write_bio_PUBKEY(file, key_) == 1;
  const bool closed = BIO_free(file) == 1;
  ERR_clear_error();
  return written && closed;
}

bool Verifier::Verify(const uint8_t* message, size_t message_size,
                      const uint8_t* signature, size_t signature_size) const {
  EVP_MD_CTX* const digest = EVP_MD_CTX_new();
  const bool valid = digest != nullptr &&
                     EVP_DigestVerifyInit_ex(digest, nullptr, "SHA256", nullptr,
                                             nullptr, key_, nullptr) == 1 &&
                     EVP_DigestVerify(digest, signature, signature_size,
                                      message, message_size) == 1;
  EVP_MD_CTX_free(digest);
  ERR_clear_error();
  return valid;
}

}  // namespace bulkhead::vault_keys
