// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/modules.h"

#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

// Reads a file a line at a time; lines past the buffer are cut.
class LineReader {
 public:
  explicit LineReader(const char* path)
      : file_(static_cast<int>(sys::Open(path, 0))) {}
  ~LineReader() {
    if (file_ >= 0) sys::Close(file_);
  }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its end, or nullptr.
  const char* Next() {
    size_t size = 0;
    for (;;) {
      if (at_ == filled_ && !Fill()) break;
      const char c = buffer_[at_++];
      if (c == '\n') {
        line_[size] = '\0';
        return line_;
      }
      if (size + 1 < sizeof(line_)) line_[size++] = c;
    }
    return nullptr;
  }

 private:
  bool Fill() {
    if (file_ < 0) return false;
    const long size = sys::Read(file_, buffer_, sizeof(buffer_));
    if (size <= 0) return false;
    at_ = 0;
    filled_ = static_cast<size_t>(size);
    return true;
  }

  int file_;
  size_t at_ = 0;
  size_t filled_ = 0;
  char buffer_[512];
  char line_[512];
};

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

}  // namespace

void AppendModule(RawLine& line, uintptr_t address) {
  LineReader maps("/proc/self/maps");
  char path[512] = {};
  uint64_t base = 0;
  // The first mapping of a file is at its load address; its others follow.
  while (const char* text = maps.Next()) {
    const uint64_t begin = ParseHex(text);
    ++text;
    const uint64_t end = ParseHex(text);
    while (*text != '/' && *text != '\0') ++text;
    size_t size = 0;
    bool same = *text != '\0';
    for (; text[size] != '\0'; ++size) same = same && path[size] == text[size];
    same = same && path[size] == '\0';
    if (!same) {
      base = begin;
      for (size_t i = 0; i <= size; ++i) path[i] = text[i];
    }
    if (address < begin || address >= end) continue;
    if (path[0] != '/') return;
    line.Text(" (").Text(path).Text("+").Hex(address - base).Text(")");
    return;
  }
}

}  // namespace bulkhead
