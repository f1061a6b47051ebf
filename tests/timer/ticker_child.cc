// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Computes until it was interrupted a hundred times, and so does a child that
// it forks.

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void Compute() {
  using Ticks = unsigned long (*)();
  const auto ticks =
      reinterpret_cast<Ticks>(dlsym(RTLD_DEFAULT, "bulkhead_ticker_ticks"));
  if (ticks == nullptr) exit(3);
  volatile uint64_t state = 1;
  while (ticks() < 100) {
    for (int i = 0; i < 10000; ++i) state = state * 6364136223846793005u + 1;
    free(malloc(100));
  }
}

}  // namespace

int main() {
  Compute();
  const pid_t child = fork();
  if (child == 0) {
    Compute();
    exit(5);
  }
  int status = -1;
  // Interrupted calls are restarted.
  if (waitpid(child, &status, 0) != child) return 1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 2;
}
