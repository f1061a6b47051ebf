// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/recogniser.h"

#include <string.h>

namespace bulkhead::vault_keys {
namespace {

// A window of a factor's size with fewer byte values than this is not divided.
// 128 random bytes have some 101 of the 256 values, and fewer than 72 once in
// 10^13 times. Program text and data stay below it nearly always.
constexpr size_t kLeastDifferentBytes = 72;

constexpr size_t kPrivateHeaderBytes = 4;  // 02 82 hh ll or 02 81 ll xx

// Appends the DER of a public exponent; returns its size.
size_t AppendExponent(uint64_t exponent, uint8_t* der) {
  size_t bytes = 1;
  // The top bit of an INTEGER is its sign.
  while (bytes < 8 && exponent >> (8 * bytes - 1) != 0) ++bytes;
  der[0] = 0x02;
  der[1] = static_cast<uint8_t>(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    der[2 + i] = static_cast<uint8_t>(exponent >> (8 * (bytes - 1 - i)));
  }
  return 2 + bytes;
}

bool IsZero(const uint8_t* bytes, size_t size) {
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

}  // namespace

void Recogniser::SetKey(const PublicKey& key, const PemLines& lines) {
  factor_.SetModulus(key);
  lines_ = lines;
  modulus_bytes_ = key.modulus_bytes;
  memcpy(der_prefix_, key.modulus, key.modulus_bytes);
  der_prefix_bytes_ =
      key.modulus_bytes +
      AppendExponent(key.exponent, der_prefix_ + key.modulus_bytes);
  Restart();
}

void Recogniser::Restart() {
  Break();
  findings_ = Findings();
}

void Recogniser::Break() {
  contiguous_ = 0;
  different_ = 0;
  memset(occurrences_, 0, sizeof(occurrences_));
  roller_.Clear();
}

void Recogniser::Wipe() { explicit_bzero(bytes_, sizeof(bytes_)); }

void Recogniser::Read(const uint8_t* bytes, size_t size, uintptr_t address) {
  if (size == 0) return;
  // A factor begins and ends with a byte that is not zero, and is shorter than
  // this, so none touches a stretch of zeros of this size.
  if (size == kMostBytesAtOnce && IsZero(bytes, size)) return Break();

  const size_t window_bytes = factor_.candidate_bytes();
  uint8_t* const fresh = bytes_ + kTail;
  memcpy(fresh, bytes, size);
  for (size_t i = 0; i < size; ++i) {
    const uint8_t* const end = fresh + i + 1;
    const uint8_t byte = fresh[i];
    ++contiguous_;
    if (occurrences_[byte]++ == 0) ++different_;
    if (contiguous_ > window_bytes) {
      const uint8_t leaving = *(end - 1 - window_bytes);
      if (--occurrences_[leaving] == 0) --different_;
    }
    if (different_ >= kLeastDifferentBytes && contiguous_ >= window_bytes) {
      CheckFactor(end - window_bytes, address + i + 1 - window_bytes);
    }
    if (EndsPrivateHeader(end)) ++findings_.der;
    if (!IsBase64(byte)) {
      roller_.Clear();
    } else if (roller_.Add(byte, *(end - 1 - kPemLineChars)) &&
               Contains(lines_, roller_.hash(),
                        reinterpret_cast<const char*>(end - kPemLineChars))) {
      ++findings_.pem_lines;
    }
  }
  memmove(bytes_, fresh + size - kTail, kTail);
}

void Recogniser::CheckFactor(const uint8_t* window, uintptr_t address) {
  const uint8_t first = window[0];
  const uint8_t last = window[factor_.candidate_bytes() - 1];
  if ((first & 0x01) != 0 && (last & 0x80) != 0) {
    const Factor factor = factor_.CheckLittleEndian(window);
    if (factor == Factor::kSmaller) ++findings_.limbs_of_smaller;
    if (factor == Factor::kLarger) ++findings_.limbs_of_larger;
    if (factor != Factor::kNone && findings_.first_limbs == 0) {
      findings_.first_limbs = address;
    }
  }
  if ((first & 0x80) != 0 && (last & 0x01) != 0) {
    const Factor factor = factor_.CheckBigEndian(window);
    if (factor == Factor::kSmaller) ++findings_.bytes_of_smaller;
    if (factor == Factor::kLarger) ++findings_.bytes_of_larger;
  }
}

// Whether the bytes before `end` are modulus, public exponent and the header of
// an INTEGER that is about as long as the modulus.
bool Recogniser::EndsPrivateHeader(const uint8_t* end) const {
  const uint8_t* const header = end - kPrivateHeaderBytes;
  if (header[0] != 0x02 || (header[1] != 0x81 && header[1] != 0x82)) {
    return false;
  }
  if (contiguous_ < der_prefix_bytes_ + kPrivateHeaderBytes) return false;
  const size_t length = header[1] == 0x82
                            ? static_cast<size_t>(header[2]) << 8 | header[3]
                            : header[2];
  return length + 8 >= modulus_bytes_ && length <= modulus_bytes_ + 1 &&
         memcmp(header - der_prefix_bytes_, der_prefix_, der_prefix_bytes_) ==
             0;
}

}  // namespace bulkhead::vault_keys
