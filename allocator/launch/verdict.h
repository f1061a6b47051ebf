// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Can Bulkhead, preloaded, be a program's malloc? Decided from the program's
// file, before it starts.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_VERDICT_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_VERDICT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "allocator/launch/elf_file.h"

namespace bulkhead {

// What, besides the file's contents, makes the loader ignore LD_PRELOAD.
struct Privileges {
  bool setuid = false;
  bool setgid = false;
  bool file_capabilities = false;
};

// OK when the program runs on a preloaded Bulkhead. Otherwise
// kFailedPrecondition with one sentence, which starts with "it", that names the
// reason and what to do.
[[nodiscard]] absl::Status JudgePrivileges(const Privileges& privileges);
[[nodiscard]] absl::Status JudgeElf(const ElfFile& elf);

// The part of JudgeElf() that also holds for the libraries of the program:
// `elf` is the program itself when `library` is empty, else the library of that
// name.
[[nodiscard]] absl::Status JudgeDependencies(const ElfFile& elf,
                                             absl::string_view library);

// OK when `elf` can be preloaded and takes the place of malloc. Otherwise as
// above.
[[nodiscard]] absl::Status JudgeLibrary(const ElfFile& elf);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_VERDICT_H_
