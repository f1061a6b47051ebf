// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace bulkhead {
namespace {

class FileSource : public ByteSource {
 public:
  FileSource(int fd, uint64_t size) : fd_(fd), size_(size) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { close(fd_); }

  uint64_t size() const override { return size_; }

 protected:
  absl::Status ReadInto(uint64_t offset, std::string& out) const override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = pread(fd_, out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        return absl::UnavailableError(
            absl::StrCat("cannot read it: ", std::strerror(errno)));
      }
      if (got == 0) {
        return absl::OutOfRangeError("the file shrank while it was read");
      }
      done += static_cast<size_t>(got);
    }
    return absl::OkStatus();
  }

 private:
  const int fd_;
  const uint64_t size_;
};

}  // namespace

absl::StatusOr<std::string> ByteSource::Read(uint64_t offset,
                                             uint64_t length) const {
  if (offset > size() || length > size() - offset) {
    return absl::OutOfRangeError(
        absl::StrCat("bytes ", offset, " to +", length,
                     " lie past the end of the file, which has ", size()));
  }
  std::string out(length, '\0');
  if (absl::Status status = ReadInto(offset, out); !status.ok()) return status;
  return out;
}

absl::Status StringSource::ReadInto(uint64_t offset, std::string& out) const {
  bytes_.copy(out.data(), out.size(), offset);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  // O_NONBLOCK: a FIFO in PATH must not hang the launcher.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  struct stat status;
  if (fstat(fd, &status) != 0) {
    const int error = errno;
    close(fd);
    return absl::ErrnoToStatus(error, absl::StrCat("stat ", path));
  }
  if (!S_ISREG(status.st_mode)) {
    close(fd);
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a regular file"));
  }
  return std::make_unique<FileSource>(fd,
                                      static_cast<uint64_t>(status.st_size));
}

}  // namespace bulkhead
