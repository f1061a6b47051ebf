// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/output_file.h"

#include <fcntl.h>

#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

void Complain(const char* option, const char* path, long error) {
  RawLine complaint;
  complaint.Text("bulkhead: cannot write ").Text(option).Text("=").Text(path);
  complaint.Text(" (errno ").Decimal(-error).Text(")\n");
  complaint.WriteTo(STDERR_FILENO);
}

void ExpandPath(const char* path, RawLine& expanded) {
  for (const char* at = path; *at != '\0'; ++at) {
    if (at[0] == '%' && at[1] == 'p') {
      expanded.Decimal(sys::GetPid());
      ++at;
    } else {
      expanded.Text(at, 1);
    }
  }
}

}  // namespace

int OpenOutputFile(const char* option, const char* path) {
  RawLine expanded;
  ExpandPath(path, expanded);
  const long file = sys::Open(expanded.text(),
                              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) Complain(option, expanded.text(), file);
  return static_cast<int>(file);
}

long WriteAll(int descriptor, const char* text, size_t size) {
  for (size_t done = 0; done < size;) {
    const long written = sys::Write(descriptor, text + done, size - done);
    if (written == -EINTR) continue;
    if (written < 0) return written;
    if (written == 0) return -EIO;
    done += static_cast<size_t>(written);
  }
  return 0;
}

void AppendToOutputFile(const char* option, const char* path, const char* text,
                        size_t size) {
  const int file = OpenOutputFile(option, path);
  if (file < 0) return;
  const long error = WriteAll(file, text, size);
  if (error != 0) Complain(option, path, error);
  sys::Close(file);
}

}  // namespace bulkhead
