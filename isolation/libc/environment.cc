// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A sandbox has an empty environment, and gives nothing to the program's.

#include <errno.h>
#include <stdlib.h>

#include "isolation/libc/forward.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

int Refuse() {
  errno = EPERM;
  return -1;
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES char* getenv(const char* name) {
  return RunsInSandbox() ? nullptr : BULKHEAD_LIBCS(getenv)(name);
}

BULKHEAD_SERVES char* secure_getenv(const char* name) {
  return RunsInSandbox() ? nullptr : BULKHEAD_LIBCS(secure_getenv)(name);
}

BULKHEAD_SERVES int setenv(const char* name, const char* value, int replace) {
  if (RunsInSandbox()) return bulkhead::Refuse();
  return BULKHEAD_LIBCS(setenv)(name, value, replace);
}

BULKHEAD_SERVES int unsetenv(const char* name) {
  if (RunsInSandbox()) return bulkhead::Refuse();
  return BULKHEAD_LIBCS(unsetenv)(name);
}

BULKHEAD_SERVES int putenv(char* setting) {
  if (RunsInSandbox()) return bulkhead::Refuse();
  return BULKHEAD_LIBCS(putenv)(setting);
}

BULKHEAD_SERVES int clearenv() {
  if (RunsInSandbox()) return bulkhead::Refuse();
  return BULKHEAD_LIBCS(clearenv)();
}
