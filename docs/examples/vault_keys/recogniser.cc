// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/recogniser.h"

#include <string.h>

#include <algorithm>

namespace bulkhead::vault_keys {
namespace {

// Only bytes that look random are divided; program text and data nearly never
// do. 64 random bytes have some 57 of the 256 values, and fewer than 40 once in
// 10^10 times. Every window of a factor's size has 64 aligned bytes in it.
constexpr size_t kBlockBytes = 64;
constexpr size_t kLeastValuesInBlock = 40;
// 128 random bytes have some 101, and fewer than 72 once in 10^13 times.
constexpr size_t kLeastValuesInWindow = 72;

constexpr size_t kPrivateHeaderBytes = 4;  // 02 82 hh ll or 02 81 ll xx

size_t ValuesInBlock(const uint8_t* bytes) {
  uint64_t seen[4] = {};
  for (size_t i = 0; i < kBlockBytes; ++i) {
    seen[bytes[i] >> 6] |= uint64_t{1} << (bytes[i] & 63);
  }
  size_t values = 0;
  for (uint64_t bits : seen) {
    values += static_cast<size_t>(__builtin_popcountll(bits));
  }
  return values;
}

// Counts the byte values in a window that slides over memory.
class WindowValues {
 public:
  void Add(uint8_t byte) {
    if (occurrences_[byte]++ == 0) ++values_;
  }
  void Remove(uint8_t byte) {
    if (--occurrences_[byte] == 0) --values_;
  }
  size_t values() const { return values_; }

 private:
  size_t values_ = 0;
  uint16_t occurrences_[256] = {};
};

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
  size_ = 0;
  next_factor_ = next_header_ = next_line_ = 0;
}

void Recogniser::Wipe() { explicit_bzero(bytes_, sizeof(bytes_)); }

void Recogniser::Read(const uint8_t* bytes, size_t size, uintptr_t address) {
  if (size == 0) return;
  // A factor begins and ends with a byte that is not zero, and is shorter than
  // this, so none touches a stretch of zeros of this size.
  if (size == kMostBytesAtOnce && IsZero(bytes, size)) return Break();

  memcpy(bytes_ + size_, bytes, size);
  address_ = address - size_;
  size_ += size;
  FindFactors();
  FindDer();
  FindPemLines();
  KeepTail();
}

void Recogniser::KeepTail() {
  if (size_ <= kTail) return;
  const size_t gone = size_ - kTail;
  memmove(bytes_, bytes_ + gone, kTail);
  size_ = kTail;
  next_factor_ -= gone;
  next_header_ -= gone;
  next_line_ -= gone;
}

void Recogniser::FindFactors() {
  const size_t window = factor_.candidate_bytes();
  while (next_factor_ + window <= size_) {
    // The first aligned block in the windows that begin from here up to it.
    const uintptr_t place = address_ + next_factor_;
    const size_t block = next_factor_ + (-place % kBlockBytes);
    const size_t end = std::min(block + 1, size_ - window + 1);
    if (ValuesInBlock(bytes_ + block) >= kLeastValuesInBlock) {
      FindFactorsFrom(next_factor_, end);
    }
    next_factor_ = end;
  }
}

void Recogniser::FindFactorsFrom(size_t begin, size_t end) {
  const size_t window = factor_.candidate_bytes();
  WindowValues values;
  for (size_t i = begin; i < begin + window; ++i) values.Add(bytes_[i]);
  for (size_t i = begin;; ++i) {
    if (values.values() >= kLeastValuesInWindow) CheckFactor(i);
    if (i + 1 == end) return;
    values.Remove(bytes_[i]);
    values.Add(bytes_[i + window]);
  }
}

void Recogniser::CheckFactor(size_t begin) {
  const uint8_t* const bytes = bytes_ + begin;
  const uint8_t first = bytes[0];
  const uint8_t last = bytes[factor_.candidate_bytes() - 1];
  if ((first & 0x01) != 0 && (last & 0x80) != 0) {
    const Factor factor = factor_.CheckLittleEndian(bytes);
    if (factor == Factor::kSmaller) ++findings_.limbs_of_smaller;
    if (factor == Factor::kLarger) ++findings_.limbs_of_larger;
    if (factor != Factor::kNone && findings_.first_limbs == 0) {
      findings_.first_limbs = address_ + begin;
    }
  }
  if ((first & 0x80) != 0 && (last & 0x01) != 0) {
    const Factor factor = factor_.CheckBigEndian(bytes);
    if (factor == Factor::kSmaller) ++findings_.bytes_of_smaller;
    if (factor == Factor::kLarger) ++findings_.bytes_of_larger;
  }
}

void Recogniser::FindDer() {
  while (next_header_ + kPrivateHeaderBytes <= size_) {
    const size_t choices = size_ - kPrivateHeaderBytes + 1 - next_header_;
    const void* const found = memchr(bytes_ + next_header_, 0x02, choices);
    if (found == nullptr) {
      next_header_ += choices;
      return;
    }
    next_header_ =
        static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes_);
    if (IsPrivateHeader(next_header_)) ++findings_.der;
    ++next_header_;
  }
}

// Whether the INTEGER at `begin` is about as long as the modulus and follows
// modulus and public exponent.
bool Recogniser::IsPrivateHeader(size_t begin) const {
  const uint8_t* const header = bytes_ + begin;
  if (header[1] != 0x81 && header[1] != 0x82) return false;
  if (begin < der_prefix_bytes_) return false;
  const size_t length = header[1] == 0x82
                            ? static_cast<size_t>(header[2]) << 8 | header[3]
                            : header[2];
  return length + 8 >= modulus_bytes_ && length <= modulus_bytes_ + 1 &&
         memcmp(header - der_prefix_bytes_, der_prefix_, der_prefix_bytes_) ==
             0;
}

void Recogniser::FindPemLines() {
  while (next_line_ + kPemLineChars <= size_) {
    // From the end: one other character rules out all lines that hold it.
    size_t base64 = kPemLineChars;
    while (base64 > 0 && IsBase64(bytes_[next_line_ + base64 - 1])) --base64;
    if (base64 == 0 &&
        Contains(lines_, reinterpret_cast<const char*>(bytes_ + next_line_))) {
      ++findings_.pem_lines;
    }
    next_line_ += std::max(base64, size_t{1});
  }
}

}  // namespace bulkhead::vault_keys
