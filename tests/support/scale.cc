// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/scale.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

namespace bulkhead_test {
namespace {

constexpr int kEmulatedDivisor = 20;

bool IsEmulated() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line)) {
    if (line.rfind("model name", 0) == 0) {
      return line.find("QEMU TCG") != std::string::npos;
    }
  }
  return false;
}

int FindDivisor() {
  const char* const given = getenv("BULKHEAD_TEST_SCALE");
  if (given == nullptr || *given == '\0') {
    return IsEmulated() ? kEmulatedDivisor : 1;
  }
  const int divisor = atoi(given);
  if (divisor < 1) {
    fprintf(stderr, "BULKHEAD_TEST_SCALE='%s' is not a whole number from 1\n",
            given);
    abort();
  }
  return divisor;
}

}  // namespace

int Scaled(int amount, int least) {
  static const int divisor = FindDivisor();
  return std::max(amount / divisor, std::min(amount, least));
}

Watchdog::Watchdog(unsigned seconds) { alarm(seconds); }
Watchdog::~Watchdog() { alarm(0); }

bool Await(const std::function<bool()>& condition, int seconds) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    sched_yield();
  }
  return true;
}

}  // namespace bulkhead_test
