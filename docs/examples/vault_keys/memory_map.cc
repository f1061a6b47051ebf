// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/memory_map.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace bulkhead::vault_keys {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwapped = uint64_t{1} << 62;

// Takes hexadecimal digits off the front of `text`.
bool TakeHex(const char** text, uintptr_t* value) {
  const char* const begin = *text;
  *value = 0;
  for (;; ++*text) {
    const char c = **text;
    if (c >= '0' && c <= '9') {
      *value = *value << 4 | static_cast<uintptr_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      *value = *value << 4 | static_cast<uintptr_t>(c - 'a' + 10);
    } else {
      return *text != begin;
    }
  }
}

bool Take(const char** text, char expected) {
  if (**text != expected) return false;
  ++*text;
  return true;
}

const char* AfterWord(const char* text) {
  while (*text != '\0' && *text != ' ') ++text;
  while (*text == ' ') ++text;
  return text;
}

// Parses "begin-end perms offset device inode path"; false for any other line.
bool ParseHead(const char* line, Mapping* mapping) {
  if (!TakeHex(&line, &mapping->begin) || !Take(&line, '-') ||
      !TakeHex(&line, &mapping->end) || !Take(&line, ' ')) {
    return false;
  }
  mapping->readable = *line == 'r';
  const char* const inode = AfterWord(AfterWord(AfterWord(line)));
  mapping->of_file = *inode >= '1' && *inode <= '9';
  mapping->resident = false;
  return true;
}

// Whether the line counts pages that exist, and more than none.
bool SaysResident(const char* line) {
  for (const char* name :
       {"Rss:", "Swap:", "Shared_Hugetlb:", "Private_Hugetlb:"}) {
    if (strncmp(line, name, strlen(name)) != 0) continue;
    const char* const count = AfterWord(line);
    return *count >= '1' && *count <= '9';
  }
  return false;
}

}  // namespace

bool MemoryMap::Read() {
  size_ = 0;
  line_bytes_ = 0;
  const int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool complete = true;
  ssize_t got = 0;
  while (complete && (got = read(file, text_, sizeof(text_))) > 0) {
    for (ssize_t i = 0; complete && i < got; ++i) {
      if (text_[i] == '\n') {
        complete = TakeLine();
      } else if (line_bytes_ < sizeof(line_) - 1) {
        // What a long path loses at its end is not needed.
        line_[line_bytes_++] = text_[i];
      }
    }
  }
  const int error = complete ? errno : ENOSPC;
  close(file);
  errno = error;
  return complete && got == 0;
}

bool MemoryMap::TakeLine() {
  line_[line_bytes_] = '\0';
  line_bytes_ = 0;
  Mapping mapping;
  if (ParseHead(line_, &mapping)) {
    if (size_ == kMost) return false;
    mappings_[size_++] = mapping;
  } else if (size_ > 0 && SaysResident(line_)) {
    mappings_[size_ - 1].resident = true;
  }
  return true;
}

bool PagePresence::Open() {
  begin_ = end_ = 0;
  file_ = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return file_ >= 0;
}

void PagePresence::Close() {
  close(file_);
  file_ = -1;
}

bool PagePresence::FindNext(uintptr_t from, uintptr_t end, uintptr_t* found) {
  while (from < end) {
    if (from < begin_ || from >= end_) {
      const size_t pages =
          std::min((end - from) / kPageBytes, std::size(entries_));
      const ssize_t got =
          pread(file_, entries_, pages * sizeof(entries_[0]),
                static_cast<off_t>(from / kPageBytes * sizeof(entries_[0])));
      if (got < static_cast<ssize_t>(sizeof(entries_[0]))) {
        if (got >= 0) errno = EIO;
        return false;
      }
      begin_ = from;
      end_ = from + static_cast<size_t>(got) / sizeof(entries_[0]) * kPageBytes;
    }
    for (; from < std::min(end, end_); from += kPageBytes) {
      if (entries_[(from - begin_) / kPageBytes] & (kPresent | kSwapped)) {
        *found = from;
        return true;
      }
    }
  }
  *found = end;
  return true;
}

}  // namespace bulkhead::vault_keys
