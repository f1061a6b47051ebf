// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What functions of libc keep from one call to the next, of a thread in a
// sandbox: its thread-local storage there is the sandbox's.

#ifndef BULKHEAD_ISOLATION_LIBC_INSIDE_H_
#define BULKHEAD_ISOLATION_LIBC_INSIDE_H_

#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include <cstdint>

#include "isolation/thread/current.h"

namespace bulkhead {

struct KeptInside {
  char error_text[32];
  char time_text[64];
  struct tm time;
  struct lconv convention;
  char* rest_of_tokens;
  struct random_data random;
  int32_t random_state[32];
  struct drand48_data random48;
};

// Begins with zeros. Used in sandboxes alone.
extern constinit thread_local KeptInside kept_inside
    __attribute__((tls_model("initial-exec")));

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_INSIDE_H_
