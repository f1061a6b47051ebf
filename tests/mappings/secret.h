// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Whole pages of a compartment's heap whose bytes can be counted: entries for
// tests that try to change the pages.

#ifndef BULKHEAD_TESTS_MAPPINGS_SECRET_H_
#define BULKHEAD_TESTS_MAPPINGS_SECRET_H_

#include <stdlib.h>
#include <string.h>

#include <cstddef>

namespace bulkhead_test {

inline constexpr size_t kPage = 4096;
inline constexpr char kSecret = 0x5a;

template <size_t kPages>
char* MakeSecret() {
  auto* const secret = static_cast<char*>(aligned_alloc(kPage, kPages * kPage));
  memset(secret, kSecret, kPages * kPage);
  return secret;
}

// How many of its bytes are as they were made.
template <size_t kPages>
size_t CountIntact(const char* secret) {
  size_t intact = 0;
  for (size_t i = 0; i < kPages * kPage; ++i) intact += secret[i] == kSecret;
  return intact;
}

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_MAPPINGS_SECRET_H_
