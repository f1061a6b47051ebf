// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/scan.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bulkhead::vault_keys {

void Scanner::SetKey(const PublicKey& key, const PemLines& lines) {
  recogniser_.SetKey(key, lines);
}

Findings Scanner::Judge(const uint8_t* bytes, size_t size, uintptr_t address) {
  recogniser_.Restart();
  for (size_t done = 0; done < size;) {
    const size_t piece = std::min(size - done, Recogniser::kMostBytesAtOnce);
    recogniser_.Read(bytes + done, piece, address + done);
    done += piece;
  }
  recogniser_.Wipe();
  return recogniser_.findings();
}

ScanResult Scanner::Scan() {
  result_ = ScanResult();
  recogniser_.Restart();
  if (!map_.Read()) {
    Fail("reading /proc/self/smaps");
    return result_;
  }
  result_.mappings = map_.size();
  if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) {
    Fail("opening a pipe");
    return result_;
  }
  if (presence_.Open()) {
    for (size_t i = 0; i < map_.size(); ++i) {
      if (i == 0 || map_[i].begin != map_[i - 1].end) recogniser_.Break();
      if (!ScanMapping(map_[i])) break;
    }
    presence_.Close();
  } else {
    Fail("opening /proc/self/pagemap");
  }
  close(pipe_[0]);
  close(pipe_[1]);
  recogniser_.Wipe();
  explicit_bzero(page_, sizeof(page_));
  result_.findings = recogniser_.findings();
  return result_;
}

bool Scanner::ScanMapping(const Mapping& mapping) {
  if (mapping.existing_pages == 0) {
    result_.empty_bytes += mapping.Bytes();
    recogniser_.Break();
    return true;
  }
  // A page of a file that nobody touched is still read: the file is there.
  const bool try_all = mapping.of_file && mapping.readable;
  if (!try_all && !presence_.Begin(mapping)) {
    return Fail("reading /proc/self/pagemap");
  }
  for (uintptr_t page = mapping.begin; page < mapping.end; page += kPageBytes) {
    uintptr_t next = page;
    if (!try_all && !presence_.FindNext(page, &next)) {
      return Fail("reading /proc/self/pagemap");
    }
    if (next != page) {
      result_.pages_absent += (next - page) / kPageBytes;
      recogniser_.Break();
      page = next;
      if (page == mapping.end) break;
    }
    if (!ScanPage(page)) return false;
  }
  return true;
}

bool Scanner::ScanPage(uintptr_t page) {
  const uintptr_t own = reinterpret_cast<uintptr_t>(this);
  if (page >= own && page < own + sizeof(*this)) {
    ++result_.own_pages;
    recogniser_.Break();
    return true;
  }
  const ssize_t written =
      write(pipe_[1], reinterpret_cast<const void*>(page), kPageBytes);
  if (written != static_cast<ssize_t>(kPageBytes)) {
    if (written >= 0 || errno != EFAULT) return Fail("writing to the pipe");
    // Linux 6.1 and 6.12 leave an empty slot in the pipe, which has 16. A read
    // takes it out, and finds no byte.
    if (read(pipe_[0], page_, kPageBytes) != -1 || errno != EAGAIN) {
      return Fail("emptying the pipe");
    }
    ++result_.pages_refused;
    recogniser_.Break();
    return true;
  }
  if (read(pipe_[0], page_, kPageBytes) != static_cast<ssize_t>(kPageBytes)) {
    return Fail("reading from the pipe");
  }
  ++result_.pages_read;
  recogniser_.Read(page_, kPageBytes, page);
  return true;
}

bool Scanner::Fail(const char* step) {
  result_.failed_step = step;
  result_.error = errno;
  return false;
}

}  // namespace bulkhead::vault_keys
