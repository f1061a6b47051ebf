// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// strerror() and its kin; strtok().

#include "isolation/libc/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "isolation/libc/forward.h"
#include "isolation/libc/inside.h"

// The name of POSIX's strerror_r() in glibc.
extern "C" int __xpg_strerror_r(int error, char* buffer, size_t bytes);

namespace bulkhead {

const char* ErrorText(int error, char* buffer, size_t bytes) {
  const char* known = strerrordesc_np(error);
  if (known != nullptr) return known;
  snprintf(buffer, bytes, "Unknown error %d", error);
  return buffer;
}

namespace {

int CopyErrorText(int error, char* buffer, size_t bytes) {
  char unknown[sizeof(kept_inside.error_text)];
  const char* text = ErrorText(error, unknown, sizeof(unknown));
  const size_t size = strlen(text) + 1;
  if (bytes != 0) {
    const size_t copied = size < bytes ? size : bytes;
    memcpy(buffer, text, copied - 1);
    buffer[copied - 1] = '\0';
  }
  if (text == unknown) return EINVAL;
  return size <= bytes ? 0 : ERANGE;
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::kept_inside;
using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES char* strerror(int error) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(strerror)(error);
  return const_cast<char*>(bulkhead::ErrorText(error, kept_inside.error_text,
                                               sizeof(kept_inside.error_text)));
}

BULKHEAD_SERVES char* strerror_r(int error, char* buffer, size_t bytes) {
  if (!RunsInSandbox()) {
    return BULKHEAD_LIBCS(strerror_r)(error, buffer, bytes);
  }
  return const_cast<char*>(bulkhead::ErrorText(error, buffer, bytes));
}

BULKHEAD_SERVES int __xpg_strerror_r(int error, char* buffer, size_t bytes) {
  if (!RunsInSandbox()) {
    return BULKHEAD_LIBCS(__xpg_strerror_r)(error, buffer, bytes);
  }
  return bulkhead::CopyErrorText(error, buffer, bytes);
}

BULKHEAD_SERVES char* strtok(char* text, const char* delimiters) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(strtok)(text, delimiters);
  return strtok_r(text, delimiters, &kept_inside.rest_of_tokens);
}
