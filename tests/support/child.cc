// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead_test {

ChildResult RunInChild(const std::function<void()>& body) {
  ChildResult result;
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) abort();
  fflush(nullptr);
  result.pid = fork();
  if (result.pid < 0) abort();
  if (result.pid == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(pipe_ends[1], STDERR_FILENO);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    body();
    _exit(0);
  }
  close(pipe_ends[1]);
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(pipe_ends[0], buffer, sizeof(buffer));
    if (size <= 0) break;
    result.errors.append(buffer, static_cast<size_t>(size));
  }
  close(pipe_ends[0]);
  int status = 0;
  if (waitpid(result.pid, &status, 0) != result.pid) abort();
  result.exited = WIFEXITED(status);
  result.code = result.exited ? WEXITSTATUS(status) : WTERMSIG(status);
  return result;
}

}  // namespace bulkhead_test
