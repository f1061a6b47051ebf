// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes, read piece by piece: a program may be gigabytes long, and of
// an ELF file only some tables matter.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_BYTE_SOURCE_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_BYTE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  virtual uint64_t size() const = 0;

  // Returns the `length` bytes at `offset`. Failure: kOutOfRange when any of
  // them lies past the end, kUnavailable when the file cannot be read.
  [[nodiscard]] absl::StatusOr<std::string> Read(uint64_t offset,
                                                 uint64_t length) const;

 protected:
  // REQUIRES: offset + length <= size().
  virtual absl::Status ReadInto(uint64_t offset, std::string& out) const = 0;
};

// Bytes in memory.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }

 protected:
  absl::Status ReadInto(uint64_t offset, std::string& out) const override;

 private:
  const std::string bytes_;
};

// A regular file, kept open. Failure: the status of the errno of open().
[[nodiscard]] absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(
    const std::string& path);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_BYTE_SOURCE_H_
