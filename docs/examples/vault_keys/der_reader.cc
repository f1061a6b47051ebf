// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/der_reader.h"

namespace bulkhead::vault_keys {
namespace {

constexpr uint8_t kInteger = 0x02;
constexpr uint8_t kOctetString = 0x04;
constexpr uint8_t kSequence = 0x30;

class Reader {
 public:
  Reader(const uint8_t* der, size_t size) : der_(der), size_(size) {}

  size_t offset() const { return offset_; }
  bool Sees(uint8_t tag) const {
    return offset_ < size_ && der_[offset_] == tag;
  }

  // Steps over the header of an element with this tag, into its content.
  bool Enter(uint8_t tag) {
    size_t length;
    return Header(tag, &length);
  }

  // Steps over a whole element with this tag.
  bool Skip(uint8_t tag) {
    size_t length;
    if (!Header(tag, &length)) return false;
    offset_ += length;
    return true;
  }

 private:
  bool Header(uint8_t tag, size_t* length) {
    if (!Sees(tag) || size_ - offset_ < 2) return false;
    const uint8_t first = der_[offset_ + 1];
    size_t header = 2;
    *length = first;
    if (first >= 0x80) {
      const size_t bytes = first & 0x7f;
      if (bytes == 0 || bytes > 3 || size_ - offset_ < 2 + bytes) return false;
      *length = 0;
      for (size_t i = 0; i < bytes; ++i) {
        *length = *length << 8 | der_[offset_ + 2 + i];
      }
      header += bytes;
    }
    if (*length > size_ - offset_ - header) return false;
    offset_ += header;
    return true;
  }

  const uint8_t* const der_;
  const size_t size_;
  size_t offset_ = 0;
};

}  // namespace

size_t FindPrivateExponent(const uint8_t* der, size_t size) {
  Reader reader(der, size);
  if (!reader.Enter(kSequence) || !reader.Skip(kInteger)) return 0;
  if (reader.Sees(kSequence)) {
    if (!reader.Skip(kSequence) || !reader.Enter(kOctetString) ||
        !reader.Enter(kSequence) || !reader.Skip(kInteger)) {
      return 0;
    }
  }
  const bool found =
      reader.Skip(kInteger) && reader.Skip(kInteger) && reader.Sees(kInteger);
  return found ? reader.offset() : 0;
}

}  // namespace bulkhead::vault_keys
