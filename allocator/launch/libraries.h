// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_LIBRARIES_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_LIBRARIES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace bulkhead {

// The paths in the output of `ld.so --list PROGRAM`.
std::vector<std::string> ParseLibraryList(absl::string_view output);

// The libraries that glibc's loader `loader` would map for `program`, found by
// asking it (--list maps them and runs none of their code). Empty when it
// cannot tell, a library being absent for instance: the program then does not
// start either, and the loader says why.
std::vector<std::string> ListLibraries(const std::string& loader,
                                       const std::string& program);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_LIBRARIES_H_
