// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Texts of errors, in a sandbox.

#ifndef BULKHEAD_ISOLATION_LIBC_TEXT_H_
#define BULKHEAD_ISOLATION_LIBC_TEXT_H_

#include <cstddef>

namespace bulkhead {

// The text of an error as strerror() has it in the C locale: a constant, or of
// an unknown error in `buffer`, as far as it fits.
const char* ErrorText(int error, char* buffer, size_t bytes);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_TEXT_H_
