// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Files that options name, to which text is appended. No allocation, no libc,
// no locks. Signal-safe throughout.

#ifndef BULKHEAD_ISOLATION_BASE_OUTPUT_FILE_H_
#define BULKHEAD_ISOLATION_BASE_OUTPUT_FILE_H_

#include <cstddef>

namespace bulkhead {

// Opens the file `path`, with this process's id in place of each "%p", to
// append to; creates it for its owner alone. `option` names it where it cannot
// be opened: stderr is told, and the result is negative. The caller closes it.
int OpenOutputFile(const char* option, const char* path);

// Writes all of it, with one system call if the kernel takes it at once, so
// that texts of several processes do not mix. Returns 0 or a negative errno.
[[nodiscard]] long WriteAll(int descriptor, const char* text, size_t size);

// The two above, and the close. Tells stderr what could not be done.
void AppendToOutputFile(const char* option, const char* path, const char* text,
                        size_t size);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_OUTPUT_FILE_H_
