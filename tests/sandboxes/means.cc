// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/sandboxes/means.h"

#include <cpuid.h>
#include <stdio.h>
#include <sys/utsname.h>

namespace bulkhead_test {

bool MayHaveSandboxes() {
  unsigned a, b, c, d;
  constexpr unsigned kOspke = 1u << 4;  // CPUID 7.0 ECX
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (c & kOspke) == 0) {
    return false;
  }
  struct utsname name;
  int major = 0;
  int minor = 0;
  if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) {
    return false;
  }
  return major > 6 || (major == 6 && minor >= 12);
}

}  // namespace bulkhead_test
