// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/elf_builder.h"

#include <elf.h>

#include <cstdint>
#include <cstring>

namespace bulkhead {
namespace {

// Addresses differ from offsets, as in real files, to catch a reader that mixes
// them up.
constexpr uint64_t kLoadAddress = 0x10000;

template <typename T>
void Append(std::string& bytes, const T& value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

// A part of the file, 8-byte aligned.
struct Part {
  uint64_t offset;
  uint64_t size;
};

Part AppendPart(std::string& bytes, const std::string& content) {
  bytes.resize((bytes.size() + 7) & ~size_t{7});
  const Part part = {bytes.size(), content.size()};
  bytes += content;
  return part;
}

Elf64_Phdr Segment(uint32_t type, const Part& part) {
  Elf64_Phdr header = {};
  header.p_type = type;
  header.p_offset = part.offset;
  header.p_vaddr = kLoadAddress + part.offset;
  header.p_filesz = part.size;
  header.p_memsz = part.size;
  header.p_align = type == PT_NOTE ? 4 : 8;
  return header;
}

void AppendDynamic(std::string& bytes, int64_t tag, uint64_t value) {
  Elf64_Dyn entry = {};
  entry.d_tag = tag;
  entry.d_un.d_val = value;
  Append(bytes, entry);
}

// Imported symbols come first, as linkers sort them for DT_GNU_HASH.
struct Symbols {
  std::string names = std::string(1, '\0');
  std::string table = std::string(sizeof(Elf64_Sym), '\0');
  uint32_t count = 1;

  uint32_t AddName(const std::string& name) {
    const auto offset = static_cast<uint32_t>(names.size());
    names += name;
    names += '\0';
    return offset;
  }
  void Add(const std::string& name, uint16_t section) {
    Elf64_Sym symbol = {};
    symbol.st_name = AddName(name);
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = section;
    Append(table, symbol);
    ++count;
  }
};

std::string SysvHash(uint32_t symbols) {
  std::string bytes;
  Append(bytes, uint32_t{1});
  Append(bytes, symbols);
  bytes.resize((3 + symbols) * sizeof(uint32_t));
  return bytes;
}

// One bucket with all exported symbols; their hashes matter to nobody but for
// the last one's end bit.
std::string GnuHash(uint32_t first_exported, uint32_t symbols) {
  std::string bytes;
  for (uint32_t word : {1u, first_exported, 1u, 0u}) Append(bytes, word);
  Append(bytes, uint64_t{0});
  Append(bytes, symbols > first_exported ? first_exported : 0);
  for (uint32_t i = first_exported; i < symbols; ++i) {
    Append(bytes, uint32_t{i + 1 == symbols ? 1u : 0u});
  }
  return bytes;
}

std::string Relocations(uint32_t imported) {
  std::string bytes;
  for (uint32_t i = 1; i <= imported; ++i) {
    Elf64_Rela rela = {};
    rela.r_info = ELF64_R_INFO(uint64_t{i}, R_X86_64_JUMP_SLOT);
    Append(bytes, rela);
  }
  return bytes;
}

std::string GoNote() {
  std::string bytes;
  for (uint32_t word : {4u, 4u, 4u}) Append(bytes, word);
  bytes.append("Go\0\0", 4);
  bytes.append("test", 4);
  return bytes;
}

}  // namespace

std::string BuildElf(const ElfDescription& description) {
  constexpr size_t kMaxSegments = 4;
  Symbols symbols;
  for (const std::string& name : description.imported) {
    symbols.Add(name, SHN_UNDEF);
  }
  const uint32_t first_exported = symbols.count;
  for (const std::string& name : description.exported) symbols.Add(name, 1);

  std::string dynamic;
  for (const std::string& name : description.needed) {
    AppendDynamic(dynamic, DT_NEEDED, symbols.AddName(name));
  }

  std::string bytes(sizeof(Elf64_Ehdr) + kMaxSegments * sizeof(Elf64_Phdr),
                    '\0');
  std::vector<Elf64_Phdr> segments;
  const auto address = [](const Part& part) {
    return kLoadAddress + part.offset;
  };
  if (!description.interpreter.empty()) {
    segments.push_back(
        Segment(PT_INTERP, AppendPart(bytes, description.interpreter + '\0')));
    const Part names = AppendPart(bytes, symbols.names);
    const Part table = AppendPart(bytes, symbols.table);
    const bool gnu = description.hash == HashStyle::kGnu;
    const Part hash =
        AppendPart(bytes, gnu ? GnuHash(first_exported, symbols.count)
                              : SysvHash(symbols.count));
    const Part relocations = AppendPart(bytes, Relocations(first_exported - 1));
    AppendDynamic(dynamic, DT_STRTAB, address(names));
    AppendDynamic(dynamic, DT_STRSZ, names.size);
    AppendDynamic(dynamic, DT_SYMTAB, address(table));
    AppendDynamic(dynamic, gnu ? DT_GNU_HASH : DT_HASH, address(hash));
    AppendDynamic(dynamic, DT_JMPREL, address(relocations));
    AppendDynamic(dynamic, DT_PLTRELSZ, relocations.size);
    AppendDynamic(dynamic, DT_NULL, 0);
    segments.push_back(Segment(PT_DYNAMIC, AppendPart(bytes, dynamic)));
  }
  if (description.go_note) {
    segments.push_back(Segment(PT_NOTE, AppendPart(bytes, GoNote())));
  }
  segments.push_back(Segment(PT_LOAD, Part{0, bytes.size()}));

  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), segments.data(),
              segments.size() * sizeof(Elf64_Phdr));
  return bytes;
}

}  // namespace bulkhead
