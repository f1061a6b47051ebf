// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests of what recognises a key: factors that can be planted, but of which
// the test itself keeps no plain copy that would be found too.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_MASKED_KEY_H_
#define DOCS_EXAMPLES_VAULT_KEYS_MASKED_KEY_H_

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/public_key.h"

namespace bulkhead::vault_keys {

enum class ByteOrder { kLittleEndian, kBigEndian };

class MaskedKey {
 public:
  // Two random odd numbers of half the bits each, with the top bits set, and
  // their product. They divide it as primes do, and are found in no time.
  explicit MaskedKey(int bits);

  const PublicKey& public_key() const { return public_key_; }
  size_t factor_bytes() const { return public_key_.modulus_bytes / 2; }

  // Writes factor_bytes() bytes of the smaller or the larger factor.
  void PlantSmaller(uint8_t* place, ByteOrder order) const {
    Plant(smaller_, place, order);
  }
  void PlantLarger(uint8_t* place, ByteOrder order) const {
    Plant(larger_, place, order);
  }

 private:
  void Plant(const uint8_t* masked, uint8_t* place, ByteOrder order) const;

  PublicKey public_key_;
  uint8_t smaller_[kMostModulusBytes / 2] = {};  // big-endian, masked
  uint8_t larger_[kMostModulusBytes / 2] = {};
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_MASKED_KEY_H_
