// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/factor.h"

#include <string.h>

namespace bulkhead::vault_keys {
namespace {

__extension__ using DoubleLimb = unsigned __int128;

uint64_t LittleEndianLimb(const uint8_t* bytes) {
  uint64_t limb;
  memcpy(&limb, bytes, sizeof(limb));
  return limb;
}

uint64_t BigEndianLimb(const uint8_t* bytes) {
  return __builtin_bswap64(LittleEndianLimb(bytes));
}

// The inverse of an odd limb modulo 2^64. Each step doubles the bits that are
// right; an odd number is its own inverse in the lowest three.
uint64_t InverseOf(uint64_t odd) {
  uint64_t inverse = odd;
  for (int bits = 3; bits < 64; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}

}  // namespace

void FactorTest::SetModulus(const PublicKey& key) {
  const size_t limbs = key.modulus_bytes / sizeof(uint64_t);
  half_ = limbs / 2;
  for (size_t i = 0; i < limbs; ++i) {
    modulus_[i] =
        BigEndianLimb(key.modulus + (limbs - 1 - i) * sizeof(uint64_t));
  }
}

Factor FactorTest::CheckLittleEndian(const uint8_t* bytes) {
  memcpy(candidate_, bytes, candidate_bytes());
  return Check();
}

Factor FactorTest::CheckBigEndian(const uint8_t* bytes) {
  for (size_t i = 0; i < half_; ++i) {
    candidate_[i] = BigEndianLimb(bytes + (half_ - 1 - i) * sizeof(uint64_t));
  }
  return Check();
}

Factor FactorTest::Check() {
  if ((candidate_[0] & 1) == 0 || candidate_[half_ - 1] >> 63 == 0) {
    return Factor::kNone;
  }
  if (!Divides()) return Factor::kNone;
  Factor factor = Factor::kLarger;
  for (size_t i = half_; i-- > 0;) {
    if (candidate_[i] == quotient_[i]) continue;
    if (candidate_[i] < quotient_[i]) factor = Factor::kSmaller;
    break;
  }
  explicit_bzero(candidate_, sizeof(candidate_));
  explicit_bzero(quotient_, sizeof(quotient_));
  explicit_bzero(work_, sizeof(work_));
  return factor;
}

// Divides from the low end (Hensel), which needs no guess to correct, because
// the candidate is odd: each limb of the quotient clears a limb of the modulus.
// That gives a quotient for every candidate; it is the true one if multiplying
// it brings back the modulus, and the top limbs alone say no to nearly all.
bool FactorTest::Divides() {
  const uint64_t inverse = InverseOf(candidate_[0]);
  memcpy(work_, modulus_, half_ * sizeof(uint64_t));
  for (size_t i = 0; i < half_; ++i) {
    const uint64_t digit = work_[i] * inverse;
    quotient_[i] = digit;
    uint64_t carry = 0;
    for (size_t j = 0; i + j < half_; ++j) {
      const DoubleLimb product =
          static_cast<DoubleLimb>(digit) * candidate_[j] + carry;
      const uint64_t low = static_cast<uint64_t>(product);
      carry =
          static_cast<uint64_t>(product >> 64) + (work_[i + j] < low ? 1 : 0);
      work_[i + j] -= low;
    }
  }
  return TopLimbsAgree() && ProductIsModulus();
}

// The product's top limb is that of the top limbs' product, or one or two more
// by what comes up from the limbs below.
bool FactorTest::TopLimbsAgree() const {
  const DoubleLimb product =
      static_cast<DoubleLimb>(candidate_[half_ - 1]) * quotient_[half_ - 1];
  return modulus_[2 * half_ - 1] - static_cast<uint64_t>(product >> 64) <= 2;
}

bool FactorTest::ProductIsModulus() {
  memset(work_, 0, sizeof(work_));
  for (size_t i = 0; i < half_; ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < half_; ++j) {
      const DoubleLimb sum =
          static_cast<DoubleLimb>(quotient_[i]) * candidate_[j] + work_[i + j] +
          carry;
      work_[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    work_[i + half_] = carry;
  }
  return memcmp(work_, modulus_, 2 * half_ * sizeof(uint64_t)) == 0;
}

}  // namespace bulkhead::vault_keys
