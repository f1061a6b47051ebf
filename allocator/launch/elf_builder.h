// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Makes small ELF files for tests.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_ELF_BUILDER_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_ELF_BUILDER_H_

#include <string>
#include <vector>

namespace bulkhead {

// How the number of symbols is to be found; linkers write one or both.
enum class HashStyle { kSysv, kGnu };

struct ElfDescription {
  std::string interpreter;  // Empty: no PT_INTERP.
  std::vector<std::string> needed;
  std::vector<std::string> imported;
  std::vector<std::string> exported;
  HashStyle hash = HashStyle::kGnu;
  bool go_note = false;
};

// An x86-64 position-independent executable that is `description`, and would
// crash if it ran: it has no code.
std::string BuildElf(const ElfDescription& description);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_ELF_BUILDER_H_
