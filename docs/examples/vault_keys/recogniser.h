// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Recognises the private half of an RSA key in a stream of bytes, from the
// public half and fingerprints alone. It looks at any offset for
//   - a prime factor of the modulus, as little-endian limbs (how libraries
//     compute with it) or as big-endian bytes (how files spell it),
//   - the DER of a private key: the modulus and the public exponent followed by
//     the header of a private exponent,
//   - a line of the PEM text that spells private numbers.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_RECOGNISER_H_
#define DOCS_EXAMPLES_VAULT_KEYS_RECOGNISER_H_

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/factor.h"
#include "docs/examples/vault_keys/pem_lines.h"
#include "docs/examples/vault_keys/public_key.h"

namespace bulkhead::vault_keys {

// Numbers of copies.
struct Findings {
  size_t limbs_of_smaller = 0;
  size_t limbs_of_larger = 0;
  size_t bytes_of_smaller = 0;
  size_t bytes_of_larger = 0;
  size_t der = 0;
  size_t pem_lines = 0;
  uintptr_t first_limbs = 0;  // where the first copy in limbs begins

  size_t Limbs() const { return limbs_of_smaller + limbs_of_larger; }
  size_t Bytes() const { return bytes_of_smaller + bytes_of_larger; }
  size_t Copies() const { return Limbs() + Bytes() + der + pem_lines; }
};

// Thread safety: none. Allocates nothing, and keeps what it reads in itself
// only, so that a scan can leave it out and finds no copy of its own making.
class Recogniser {
 public:
  static constexpr size_t kMostBytesAtOnce = 4096;

  void SetKey(const PublicKey& key, const PemLines& lines);

  // Forgets all bytes and findings.
  void Restart();

  // The next bytes do not follow those before.
  void Break();

  // REQUIRES: size <= kMostBytesAtOnce. `address` is where the bytes were.
  void Read(const uint8_t* bytes, size_t size, uintptr_t address);

  // Overwrites every byte that was read.
  void Wipe();

  const Findings& findings() const { return findings_; }

 private:
  // The longest thing that is recognised: a modulus with headers.
  static constexpr size_t kTail = 1024;

  void FindFactors();
  void FindFactorsFrom(size_t begin, size_t end);
  void CheckFactor(size_t begin);
  void FindDer();
  void FindPemLines();
  bool IsPrivateHeader(size_t begin) const;
  void KeepTail();

  FactorTest factor_;
  PemLines lines_;
  size_t modulus_bytes_ = 0;
  size_t der_prefix_bytes_ = 0;
  uint8_t der_prefix_[kMostModulusBytes + 16] = {};

  Findings findings_;
  // The bytes since the last break, or the last of them, and where they were.
  size_t size_ = 0;
  uintptr_t address_ = 0;
  uint8_t bytes_[kTail + kMostBytesAtOnce] = {};
  // The first of them at which each thing may begin and was not yet looked for.
  size_t next_factor_ = 0;
  size_t next_header_ = 0;
  size_t next_line_ = 0;
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_RECOGNISER_H_
