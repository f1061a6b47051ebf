// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What everyone may know of an RSA key, and all that the attacker starts from.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_PUBLIC_KEY_H_
#define DOCS_EXAMPLES_VAULT_KEYS_PUBLIC_KEY_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead::vault_keys {

inline constexpr int kLeastKeyBits = 2048;
inline constexpr int kMostKeyBits = 4096;
inline constexpr size_t kMostModulusBytes = kMostKeyBits / 8;
inline constexpr size_t kMostSignatureBytes = kMostModulusBytes;

struct PublicKey {
  size_t modulus_bytes = 0;  // a multiple of 16, so that half of it is limbs
  uint8_t modulus[kMostModulusBytes] = {};  // big-endian
  uint64_t exponent = 0;
};

// A public key as it crosses from where the private one lives: DER.
struct PublicKeyDer {
  size_t size = 0;
  uint8_t bytes[1024] = {};
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_PUBLIC_KEY_H_
