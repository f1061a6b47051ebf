// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/json_text.h"

namespace bulkhead {
namespace {

using Byte = unsigned char;

bool IsBetween(Byte byte, Byte least, Byte most) {
  return byte >= least && byte <= most;
}

// Bytes of the UTF-8 sequence at the start of a text that ends with a NUL; 0:
// none is there.
size_t SequenceLength(const char* text) {
  const auto* bytes = reinterpret_cast<const Byte*>(text);
  const Byte first = bytes[0];
  if (first < 0x80) return 1;
  // What the second byte must be, lest the same character be written in two
  // ways, a surrogate, or beyond the last one.
  Byte least = 0x80;
  Byte most = 0xbf;
  size_t length = 0;
  if (IsBetween(first, 0xc2, 0xdf)) length = 2;
  if (IsBetween(first, 0xe0, 0xef)) length = 3;
  if (IsBetween(first, 0xf0, 0xf4)) length = 4;
  if (first == 0xe0) least = 0xa0;
  if (first == 0xed) most = 0x9f;
  if (first == 0xf0) least = 0x90;
  if (first == 0xf4) most = 0x8f;
  if (length == 0 || !IsBetween(bytes[1], least, most)) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsBetween(bytes[i], 0x80, 0xbf)) return 0;
  }
  return length;
}

}  // namespace

void JsonText::Put(char c) {
  if (length_ < size_) buffer_[length_] = c;
  ++length_;
}

void JsonText::Put(const char* text) {
  for (; *text != '\0'; ++text) Put(*text);
}

void JsonText::Value() {
  if (comma_) Put(',');
  comma_ = true;
}

void JsonText::Begin(char bracket) {
  Value();
  Put(bracket);
  comma_ = false;
}

void JsonText::End(char bracket) {
  Put(bracket);
  comma_ = true;
}

void JsonText::Key(const char* name) {
  Value();
  Put('"');
  Put(name);
  Put("\":");
  comma_ = false;
}

void JsonText::Text(const char* text) {
  Value();
  Put('"');
  while (*text != '\0') {
    const size_t length = SequenceLength(text);
    const auto byte = static_cast<Byte>(*text);
    if (length == 0) {
      Put("\\ufffd");
    } else if (byte < 0x20 || byte == 0x7f) {
      Put("\\u00");
      Put("0123456789abcdef"[byte >> 4]);
      Put("0123456789abcdef"[byte & 15]);
    } else {
      if (byte == '"' || byte == '\\') Put('\\');
      for (size_t i = 0; i < length; ++i) Put(text[i]);
    }
    text += length == 0 ? 1 : length;
  }
  Put('"');
}

void JsonText::Number(uint64_t value) {
  Value();
  char digits[21];
  char* at = digits + sizeof(digits);
  *--at = '\0';
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  Put(at);
}

void JsonText::Null() {
  Value();
  Put("null");
}

void JsonText::Finish() {
  if (size_ != 0) buffer_[length_ < size_ ? length_ : 0] = '\0';
}

}  // namespace bulkhead
