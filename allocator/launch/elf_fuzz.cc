// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Feeds the ELF reader any bytes, better with small programs to start from:
//   bazel run --config=clang --copt=-fsanitize=fuzzer-no-link,address \
//       //allocator/launch:elf_fuzz -- -max_len=65536 DIRECTORY

#include <cstddef>
#include <cstdint>
#include <string>

#include "allocator/launch/byte_source.h"
#include "allocator/launch/elf_file.h"
#include "allocator/launch/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bulkhead::StringSource source(
      std::string(reinterpret_cast<const char*>(data), size));
  const absl::StatusOr<bulkhead::ElfFile> elf = bulkhead::ReadElf(source);
  if (elf.ok()) bulkhead::JudgeElf(*elf).IgnoreError();
  return 0;
}
