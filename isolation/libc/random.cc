// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Numbers of rand(), random() and drand48(). A thread has its own in a sandbox,
// which begin as libc's do.

#include <stdlib.h>

#include "isolation/libc/forward.h"
#include "isolation/libc/inside.h"

namespace bulkhead {
namespace {

constexpr unsigned kFirstSeed = 1;  // ISO C, 7.22.2.2

void Begin(unsigned seed) {
  initstate_r(seed, reinterpret_cast<char*>(kept_inside.random_state),
              sizeof(kept_inside.random_state), &kept_inside.random);
}

void Seed(unsigned seed) {
  if (kept_inside.random.state == nullptr) {
    Begin(seed);
  } else {
    srandom_r(seed, &kept_inside.random);
  }
}

int Next() {
  if (kept_inside.random.state == nullptr) Begin(kFirstSeed);
  int32_t next = 0;
  random_r(&kept_inside.random, &next);
  return next;
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::kept_inside;
using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES int rand() {
  return RunsInSandbox() ? bulkhead::Next() : BULKHEAD_LIBCS(rand)();
}

BULKHEAD_SERVES void srand(unsigned seed) {
  if (RunsInSandbox()) return bulkhead::Seed(seed);
  BULKHEAD_LIBCS(srand)(seed);
}

BULKHEAD_SERVES long random() {
  return RunsInSandbox() ? bulkhead::Next() : BULKHEAD_LIBCS(random)();
}

BULKHEAD_SERVES void srandom(unsigned seed) {
  if (RunsInSandbox()) return bulkhead::Seed(seed);
  BULKHEAD_LIBCS(srandom)(seed);
}

BULKHEAD_SERVES double drand48() {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(drand48)();
  double next = 0;
  drand48_r(&kept_inside.random48, &next);
  return next;
}

BULKHEAD_SERVES long lrand48() {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(lrand48)();
  long next = 0;
  lrand48_r(&kept_inside.random48, &next);
  return next;
}

BULKHEAD_SERVES long mrand48() {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(mrand48)();
  long next = 0;
  mrand48_r(&kept_inside.random48, &next);
  return next;
}

BULKHEAD_SERVES void srand48(long seed) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(srand48)(seed);
  srand48_r(seed, &kept_inside.random48);
}
