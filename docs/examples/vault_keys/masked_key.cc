// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/masked_key.h"

#include <openssl/bn.h>

#include <cstdio>
#include <cstdlib>

namespace bulkhead::vault_keys {
namespace {

constexpr uint8_t kMask = 0x5a;

void Require(bool condition) {
  if (condition) return;
  std::fputs("OpenSSL's big numbers fail\n", stderr);
  std::abort();
}

void Mask(const BIGNUM* number, uint8_t* masked, size_t size) {
  Require(BN_bn2binpad(number, masked, static_cast<int>(size)) > 0);
  for (size_t i = 0; i < size; ++i) masked[i] ^= kMask;
}

}  // namespace

MaskedKey::MaskedKey(int bits) {
  BIGNUM* smaller = BN_new();
  BIGNUM* larger = BN_new();
  BIGNUM* const modulus = BN_new();
  BN_CTX* const context = BN_CTX_secure_new();
  Require(BN_rand(smaller, bits / 2, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) &&
          BN_rand(larger, bits / 2, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) &&
          BN_mul(modulus, smaller, larger, context));
  if (BN_cmp(smaller, larger) > 0) BN_swap(smaller, larger);
  public_key_.modulus_bytes = static_cast<size_t>(bits) / 8;
  public_key_.exponent = 65537;
  Require(BN_bn2bin(modulus, public_key_.modulus) == bits / 8);
  Mask(smaller, smaller_, factor_bytes());
  Mask(larger, larger_, factor_bytes());
  BN_clear_free(smaller);
  BN_clear_free(larger);
  BN_free(modulus);
  BN_CTX_free(context);
}

void MaskedKey::Plant(const uint8_t* masked, uint8_t* place,
                      ByteOrder order) const {
  const size_t size = factor_bytes();
  for (size_t i = 0; i < size; ++i) {
    place[order == ByteOrder::kBigEndian ? i : size - 1 - i] =
        masked[i] ^ kMask;
  }
}

}  // namespace bulkhead::vault_keys
