// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Tells whether a number is a prime factor of an RSA modulus, by dividing: who
// asks does not know the factors.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_FACTOR_H_
#define DOCS_EXAMPLES_VAULT_KEYS_FACTOR_H_

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/public_key.h"

namespace bulkhead::vault_keys {

enum class Factor { kNone, kSmaller, kLarger };

// Thread safety: none. Allocates nothing, keeps no number on the stack, and
// wipes its working copy of each factor that it recognises.
class FactorTest {
 public:
  void SetModulus(const PublicKey& key);

  // Bytes in a candidate: half of the modulus.
  size_t candidate_bytes() const { return half_ * sizeof(uint64_t); }

  // REQUIRES: candidate_bytes() bytes are readable at `bytes`. A candidate that
  // is even or whose top bit is clear is no factor.
  Factor CheckLittleEndian(const uint8_t* bytes);
  Factor CheckBigEndian(const uint8_t* bytes);

 private:
  static constexpr size_t kMostLimbs = kMostModulusBytes / sizeof(uint64_t);

  Factor Check();
  bool Divides();
  bool TopLimbsAgree() const;
  bool ProductIsModulus();

  size_t half_ = 0;  // limbs in a candidate
  uint64_t modulus_[kMostLimbs] = {};
  uint64_t candidate_[kMostLimbs / 2] = {};
  uint64_t quotient_[kMostLimbs / 2] = {};
  uint64_t work_[kMostLimbs] = {};
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_FACTOR_H_
