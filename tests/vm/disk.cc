// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/vm/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/vm/frames.h"

namespace bulkhead {

Disk::Disk(const char* path)
    : name_(path), fd_(open(path, O_RDONLY | O_CLOEXEC)) {
  Check(fd_ >= 0, name_);
}

Disk::~Disk() { close(fd_); }

std::string Disk::String() {
  std::string text;
  for (;;) {
    if (at_ == end_) Fill();
    const char* start = buffer_ + at_;
    size_t length = strnlen(start, end_ - at_);
    text.append(start, length);
    at_ += length;
    if (at_ < end_) {
      ++at_;
      return text;
    }
  }
}

void Disk::Copy(uint64_t size, int to, const std::string& path) {
  while (size > 0) {
    if (at_ == end_) Fill();
    size_t piece = static_cast<size_t>(std::min<uint64_t>(size, end_ - at_));
    Check(WriteAll(to, buffer_ + at_, piece), path);
    at_ += piece;
    size -= piece;
  }
}

void Disk::Fill() {
  ssize_t got = read(fd_, buffer_, sizeof(buffer_));
  if (got == 0) errno = ENODATA;
  Check(got > 0, name_);
  at_ = 0;
  end_ = static_cast<size_t>(got);
}

void Unpack(Disk& disk, const std::string& root) {
  for (std::string kind; (kind = disk.String()) != "end";) {
    std::string path = root + disk.String();
    mode_t mode = static_cast<mode_t>(atoll(disk.String().c_str()));
    if (kind == "directory") {
      Check(mkdir(path.c_str(), mode) == 0 || errno == EEXIST, path);
      Check(chmod(path.c_str(), mode) == 0, path);
    } else if (kind == "symlink") {
      Check(symlink(disk.String().c_str(), path.c_str()) == 0, path);
    } else if (kind == "link") {
      Check(link((root + disk.String()).c_str(), path.c_str()) == 0, path);
    } else if (kind == "file") {
      uint64_t size = static_cast<uint64_t>(atoll(disk.String().c_str()));
      int fd =
          open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      Check(fd >= 0, path);
      disk.Copy(size, fd, path);
      Check(fchmod(fd, mode) == 0, path);
      close(fd);
    } else {
      errno = EINVAL;
      Fail("entry '" + kind + "'");
    }
  }
}

}  // namespace bulkhead
