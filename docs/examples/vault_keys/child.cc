// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace bulkhead::vault_keys {
namespace {

constexpr unsigned kTimeLimitSeconds = 60;

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  ~Pipe() {
    CloseWriteEnd();
    if (read_end >= 0) close(read_end);
  }
  void CloseWriteEnd() {
    if (write_end >= 0) close(write_end);
    write_end = -1;
  }
};

void Collect(int out, int errors, uint8_t* loot, ChildOutcome* outcome) {
  struct pollfd sources[] = {{out, POLLIN, 0}, {errors, POLLIN, 0}};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (poll(sources, 2, -1) < 0 && errno != EINTR) return;
    if (sources[0].revents != 0) {
      uint8_t overflow[256];
      const size_t room = kMostLoot - outcome->loot_bytes;
      const ssize_t got = room > 0 ? read(out, loot + outcome->loot_bytes, room)
                                   : read(out, overflow, sizeof(overflow));
      if (got <= 0) sources[0].fd = -1;
      if (got > 0 && room > 0) outcome->loot_bytes += static_cast<size_t>(got);
    }
    if (sources[1].revents != 0) {
      char text[1024];
      const ssize_t got = read(errors, text, sizeof(text));
      if (got <= 0) sources[1].fd = -1;
      if (got > 0) outcome->errors.append(text, static_cast<size_t>(got));
    }
  }
}

}  // namespace

ChildOutcome RunInChild(void (*body)(const void* context, int out),
                        const void* context, uint8_t* loot) {
  ChildOutcome outcome;
  Pipe out;
  Pipe errors;
  if (!out.Open() || !errors.Open()) return outcome;
  const pid_t child = fork();
  if (child < 0) return outcome;
  if (child == 0) {
    // A violation ends in abort(); its core dump would be of no use.
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(kTimeLimitSeconds);
    dup2(errors.write_end, STDERR_FILENO);
    body(context, out.write_end);
    _exit(0);
  }
  out.CloseWriteEnd();
  errors.CloseWriteEnd();
  Collect(out.read_end, errors.read_end, loot, &outcome);
  outcome.ran = waitpid(child, &outcome.wait_status, 0) == child;
  return outcome;
}

}  // namespace bulkhead::vault_keys
