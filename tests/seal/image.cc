// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/seal/image.h"

#include <elf.h>

#include <cstring>
#include <fstream>
#include <vector>

namespace bulkhead_test {
namespace {

template <typename T>
bool ReadAt(std::ifstream& file, uint64_t offset, T* values, size_t count = 1) {
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(values),
            static_cast<std::streamsize>(count * sizeof(T)));
  return file.good();
}

}  // namespace

std::map<std::string, Section> SectionsOf(const std::string& path,
                                          uintptr_t base) {
  std::map<std::string, Section> sections;
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header;
  if (!ReadAt(file, 0, &header) ||
      memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_shnum == 0) {
    return sections;
  }
  std::vector<Elf64_Shdr> table(header.e_shnum);
  if (!ReadAt(file, header.e_shoff, table.data(), table.size())) {
    return sections;
  }
  std::vector<char> names(table[header.e_shstrndx].sh_size + 1);
  if (!ReadAt(file, table[header.e_shstrndx].sh_offset, names.data(),
              names.size() - 1)) {
    return sections;
  }
  // A program that is not position-independent lies where it says.
  const uintptr_t bias = header.e_type == ET_DYN ? base : 0;
  for (const Elf64_Shdr& section : table) {
    if ((section.sh_flags & SHF_ALLOC) == 0) continue;
    sections[&names[section.sh_name]] = {
        bias + section.sh_addr, bias + section.sh_addr + section.sh_size};
  }
  return sections;
}

}  // namespace bulkhead_test
