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

bool StartsWith(const char* text, const char* with) {
  while (*with != '\0' && *text == *with) {
    ++text;
    ++with;
  }
  return *with == '\0';
}

}  // namespace

MemoryMap::MemoryMap(Keys keys)
    : has_keys_(keys == Keys::kRead),
      file_(static_cast<int>(
          Open(has_keys_ ? "/proc/self/smaps" : "/proc/self/maps", 0))) {}

MemoryMap::~MemoryMap() {
  if (file_ >= 0) Close(file_);
}

template <size_t kBytes>
const char* MemoryMap::NextLine(char (&line)[kBytes]) {
  size_t size = 0;
  for (;;) {
    if (at_ == filled_ && !Fill()) return nullptr;
    const char c = buffer_[at_++];
    if (c == '\n') {
      line[size] = '\0';
      return line;
    }
    if (size + 1 < kBytes) line[size++] = c;
  }
}

bool MemoryMap::Next(Mapping& mapping) {
  const char* text = NextLine(line_);
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
  mapping.key = has_keys_ ? ReadKey() : 0;
  return true;
}

// Of the lines that follow a mapping's, to the last of them.
int MemoryMap::ReadKey() {
  constexpr char kKey[] = "ProtectionKey:";
  char line[64];
  int key = 0;
  while (NextLine(line) != nullptr && !StartsWith(line, "VmFlags:")) {
    if (!StartsWith(line, kKey)) continue;
    for (const char* text = line + sizeof(kKey) - 1; *text != '\0'; ++text) {
      if (*text >= '0' && *text <= '9') key = key * 10 + (*text - '0');
    }
  }
  return key;
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
