// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the dynamic loader would see of an ELF file: its loader, the libraries
// it needs, the symbols it imports and exports.
//
// Everything comes from the program headers and the dynamic segment, as the
// loader reads them; section headers, which may be stripped, are asked for one
// thing only: the names by which Go marks its programs. No field of the file is
// trusted: each offset and count is checked against the file's size.
#ifndef BULKHEAD_ALLOCATOR_LAUNCH_ELF_FILE_H_
#define BULKHEAD_ALLOCATOR_LAUNCH_ELF_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "allocator/launch/byte_source.h"

namespace bulkhead {

struct ElfFile {
  // From the ELF header. For a file that is not x86-64 (64 bits, little
  // endian, machine 62), nothing below these four is read.
  bool is_64_bit = false;
  bool is_little_endian = false;
  uint16_t machine = 0;  // EM_*
  uint16_t type = 0;     // ET_*

  std::string interpreter;  // The dynamic loader; empty: statically linked.
  bool has_dynamic_segment = false;
  bool is_go = false;  // Carries Go's build id or build information.
  std::vector<std::string> needed;    // DT_NEEDED, in order.
  std::vector<std::string> imported;  // Undefined dynamic symbols.
  std::vector<std::string> exported;  // Defined, global or weak ones.

  bool is_x86_64() const;
};

// Reads `file`. Failure: kInvalidArgument when it does not start as an ELF file
// does, kDataLoss when it does but is damaged or truncated, and the status of
// `file` when it cannot be read. Memory use is bounded by a few times the
// file's size.
[[nodiscard]] absl::StatusOr<ElfFile> ReadElf(const ByteSource& file);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_LAUNCH_ELF_FILE_H_
