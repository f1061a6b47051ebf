// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The disk that the host made for one run: text and files in sequence, as
// files.py writes them. Any failure ends the machine (frames.h).

#ifndef TESTS_VM_DISK_H_
#define TESTS_VM_DISK_H_

#include <stddef.h>
#include <stdint.h>

#include <string>

namespace bulkhead {

// A disk, read from its start.
class Disk {
 public:
  explicit Disk(const char* path);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // The bytes up to the next NUL, which is skipped.
  std::string String();

  // Copies the next `size` bytes to the descriptor `to` of the file `path`.
  void Copy(uint64_t size, int to, const std::string& path);

 private:
  void Fill();

  std::string name_;
  int fd_;
  size_t at_ = 0;
  size_t end_ = 0;
  char buffer_[1 << 20];
};

// Makes the files that come next on `disk`, under the directory `root`.
void Unpack(Disk& disk, const std::string& root);

}  // namespace bulkhead

#endif  // TESTS_VM_DISK_H_
