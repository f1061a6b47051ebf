// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/raw_log.h"

#include <signal.h>

#include "isolation/base/output_file.h"
#include "isolation/sys/abort.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {

RawLine& RawLine::Text(const char* text) {
  return Text(text == nullptr ? "(null)" : text, sizeof(buffer_));
}

RawLine& RawLine::Text(const char* text, size_t limit) {
  for (size_t i = 0; i < limit && text[i] != '\0'; ++i) {
    if (size_ + 1 >= sizeof(buffer_)) break;
    buffer_[size_++] = text[i];
  }
  return *this;
}

RawLine& RawLine::Decimal(int64_t value) {
  uint64_t rest = static_cast<uint64_t>(value);
  if (value < 0) {
    Text("-");
    rest = 0 - rest;
  }
  char digits[20];
  size_t first = sizeof(digits);
  do {
    digits[--first] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  return Text(digits + first, sizeof(digits) - first);
}

RawLine& RawLine::Hex(uint64_t value) {
  char digits[16];
  size_t first = sizeof(digits);
  do {
    digits[--first] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value != 0);
  return Text("0x").Text(digits + first, sizeof(digits) - first);
}

void RawLine::WriteTo(int descriptor) const {
  // Where a message is lost there is nobody left to tell.
  (void)WriteAll(descriptor, buffer_, size_);
}

void Die(const char* message) {
  RawLine line;
  line.Text("==").Decimal(sys::GetPid()).Text("==ERROR: Bulkhead: ");
  line.Text(message).Text("\n").WriteTo(STDERR_FILENO);
  sys::Abort();
}

void DieExpected(const char* message, uint64_t expected, uint64_t found) {
  RawLine line;
  line.Text(message).Text(": expected ").Hex(expected);
  line.Text(", found ").Hex(found);
  Die(line.text());
}

}  // namespace bulkhead
