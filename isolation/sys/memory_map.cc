// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/sys/memory_map.h"

#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace sys {
namespace {

uint64_t ParseHex(const char*& text) {
  uint64_t value = 0;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9') {
      value = value * 16 + static_cast<uint64_t>(*text - '0');
    } else if (*text >= 'a' && *text <= 'f') {
      value = value * 16 + static_cast<uint64_t>(*text - 'a' + 10);
    } else {
      return value;
    }
  }
}

// Past the fields that tell of the file, to its name.
const char* SkipFields(const char* text, int fields) {
  for (; fields > 0; --fields) {
    while (*text == ' ') ++text;
    while (*text != ' ' && *text != '\0') ++text;
  }
  while (*text == ' ') ++text;
  return text;
}

}  // namespace

MemoryMap::MemoryMap() : file_(static_cast<int>(Open("/proc/self/maps", 0))) {}

MemoryMap::~MemoryMap() {
  if (file_ >= 0) Close(file_);
}

bool MemoryMap::Next(Mapping& mapping) {
  const char* text = NextLine();
  if (text == nullptr) return false;
  mapping.begin = ParseHex(text);
  ++text;
  mapping.end = ParseHex(text);
  ++text;
  mapping.protection = (text[0] == 'r' ? PROT_READ : 0) |
                       (text[1] == 'w' ? PROT_WRITE : 0) |
                       (text[2] == 'x' ? PROT_EXEC : 0);
  mapping.is_private = text[3] == 'p';
  mapping.name = SkipFields(text, 4);
  return true;
}

const char* MemoryMap::NextLine() {
  size_t size = 0;
  for (;;) {
    if (at_ == filled_ && !Fill()) return nullptr;
    const char c = buffer_[at_++];
    if (c == '\n') {
      line_[size] = '\0';
      return line_;
    }
    if (size + 1 < sizeof(line_)) line_[size++] = c;
  }
}

bool MemoryMap::Fill() {
  if (file_ < 0) return false;
  const long size = Read(file_, buffer_, sizeof(buffer_));
  if (size <= 0) return false;
  at_ = 0;
  filled_ = static_cast<size_t>(size);
  return true;
}

}  // namespace sys
}  // namespace bulkhead
