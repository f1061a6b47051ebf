// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/vm/frames.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

namespace bulkhead {

int frame_port = -1;

bool WriteAll(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t done = write(fd, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= static_cast<size_t>(done);
  }
  return true;
}

void EndMachine() {
  reboot(RB_AUTOBOOT);
  _exit(1);
}

void SendFrame(char type, const void* data, size_t size) {
  char header[5] = {type};
  uint32_t length = static_cast<uint32_t>(size);
  memcpy(header + 1, &length, sizeof(length));
  if (!WriteAll(frame_port, header, sizeof(header)) ||
      !WriteAll(frame_port, data, size)) {
    EndMachine();
  }
}

void SendFrame(char type, const std::string& text) {
  SendFrame(type, text.data(), text.size());
}

void Fail(const std::string& what) {
  std::string message = what + ": " + strerror(errno);
  fprintf(stderr, "vm: %s\n", message.c_str());
  if (frame_port >= 0) SendFrame('L', message);
  EndMachine();
}

void Check(bool ok, const std::string& what) {
  if (!ok) Fail(what);
}

}  // namespace bulkhead
