// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/memory_map.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace bulkhead::vault_keys {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kSwapped = uint64_t{1} << 62;
constexpr uint64_t kOfFile = uint64_t{1} << 61;
constexpr uint64_t kExclusive = uint64_t{1} << 56;

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
  mapping->existing_pages = 0;
  mapping->key = 0;
  return true;
}

// Whether the line begins with `name`; *value is the number after it.
bool ParseField(const char* line, const char* name, size_t* value) {
  if (strncmp(line, name, strlen(name)) != 0) return false;
  *value = 0;
  for (const char* c = AfterWord(line); *c >= '0' && *c <= '9'; ++c) {
    *value = *value * 10 + static_cast<size_t>(*c - '0');
  }
  return true;
}

// Takes what the line says of a mapping's pages, if anything that we ask for.
void ParseDetail(const char* line, Mapping* mapping) {
  size_t value = 0;
  for (const char* name :
       {"Rss:", "Swap:", "Shared_Hugetlb:", "Private_Hugetlb:"}) {
    if (ParseField(line, name, &value)) {
      mapping->existing_pages += value * 1024 / kPageBytes;
    }
  }
  if (ParseField(line, "ProtectionKey:", &value)) {
    mapping->key = static_cast<int>(value);
  }
}

// Opens smaps of the process.
int OpenMap(const char* process) {
  char path[64];
  const int length = snprintf(path, sizeof(path), "/proc/%s/smaps", process);
  if (length >= static_cast<int>(sizeof(path))) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return open(path, O_RDONLY | O_CLOEXEC);
}

// Whether the page is one that ParseDetail() counts, for certain: the zero
// page is present too, but nobody's own. What a fork shares is not certain.
bool IsCounted(uint64_t entry) {
  if (entry & kSwapped) return true;
  return (entry & kPresent) != 0 && (entry & (kOfFile | kExclusive)) != 0;
}

}  // namespace

bool MemoryMap::Read(const char* process) {
  size_ = 0;
  line_bytes_ = 0;
  const int file = OpenMap(process);
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
  } else if (size_ > 0) {
    ParseDetail(line_, &mappings_[size_ - 1]);
  }
  return true;
}

bool PagePresence::Open() {
  file_ = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return file_ >= 0;
}

void PagePresence::Close() {
  close(file_);
  file_ = -1;
}

bool PagePresence::Begin(const Mapping& mapping) {
  end_ = mapping.end;
  entries_begin_ = entries_end_ = 0;
  gap_begin_ = mapping.begin;
  gap_end_ = mapping.end;
  size_t seen = 0;
  bool from_front = true;
  while (gap_begin_ < gap_end_ && seen < mapping.existing_pages) {
    const size_t bytes =
        std::min(gap_end_ - gap_begin_, std::size(entries_) * kPageBytes);
    const uintptr_t begin = from_front ? gap_begin_ : gap_end_ - bytes;
    if (!ReadEntries(begin, begin + bytes)) return false;
    seen += CountExisting();
    if (from_front) {
      gap_begin_ += bytes;
    } else {
      gap_end_ -= bytes;
    }
    from_front = !from_front;
  }
  return true;
}

bool PagePresence::ReadEntries(uintptr_t begin, uintptr_t end) {
  const size_t wanted = (end - begin) / kPageBytes * sizeof(entries_[0]);
  const ssize_t got =
      pread(file_, entries_, wanted,
            static_cast<off_t>(begin / kPageBytes * sizeof(entries_[0])));
  if (got != static_cast<ssize_t>(wanted)) {
    if (got >= 0) errno = EIO;
    return false;
  }
  entries_begin_ = begin;
  entries_end_ = end;
  return true;
}

size_t PagePresence::CountExisting() const {
  const size_t pages = (entries_end_ - entries_begin_) / kPageBytes;
  return static_cast<size_t>(
      std::count_if(entries_, entries_ + pages, IsCounted));
}

bool PagePresence::FindNext(uintptr_t from, uintptr_t* found) {
  while (from < end_) {
    if (from >= gap_begin_ && from < gap_end_) {
      from = gap_end_;
      continue;
    }
    if (from < entries_begin_ || from >= entries_end_) {
      const uintptr_t end = std::min(from < gap_begin_ ? gap_begin_ : end_,
                                     from + std::size(entries_) * kPageBytes);
      if (!ReadEntries(from, end)) return false;
    }
    for (; from < entries_end_; from += kPageBytes) {
      const uint64_t entry = entries_[(from - entries_begin_) / kPageBytes];
      if (entry & (kPresent | kSwapped)) {
        *found = from;
        return true;
      }
    }
  }
  *found = end_;
  return true;
}

}  // namespace bulkhead::vault_keys
