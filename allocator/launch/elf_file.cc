// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMaxInterpreterBytes = 4096;  // PATH_MAX, as the kernel's.
constexpr uint64_t kMaxNoteBytes = 64 * 1024;
constexpr uint64_t kMaxNamesPerByte = 4;
constexpr uint32_t kGoBuildIdNote = 4;

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("damaged ELF file: ", what));
}

// Copies a T out of `bytes`, which may be unaligned.
// REQUIRES: offset + sizeof(T) <= bytes.size().
template <typename T>
T Load(absl::string_view bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

// Reads what ReadElf() promises, table by table.
class Reader {
 public:
  explicit Reader(const ByteSource& file) : file_(file) {}

  absl::StatusOr<ElfFile> Run();

 private:
  // The entries of the dynamic segment that are used; addresses, not offsets.
  struct Dynamic {
    uint64_t strings = 0, strings_size = 0;
    uint64_t symbols = 0;
    uint64_t hash = 0, gnu_hash = 0;
    uint64_t rela = 0, rela_size = 0;
    uint64_t plt_rela = 0, plt_rela_size = 0;
    std::vector<uint64_t> needed;  // Offsets into the string table.
  };

  absl::StatusOr<Elf64_Ehdr> ReadHeader();
  absl::Status ReadSegments(const Elf64_Ehdr& header);
  absl::Status ReadInterpreter(const Elf64_Phdr& segment);
  absl::Status ReadNotes(const Elf64_Phdr& segment);
  absl::Status ReadDynamic(const Elf64_Phdr& segment);
  absl::Status ReadSymbols(const Dynamic& dynamic, absl::string_view strings);
  absl::StatusOr<uint64_t> CountSymbols(const Dynamic& dynamic);
  absl::StatusOr<uint64_t> CountGnuHash(uint64_t address);
  absl::StatusOr<uint64_t> CountRelocated(uint64_t address, uint64_t size);
  void FindGoSections(const Elf64_Ehdr& header);

  // The name at `offset` of a table whose last byte is 0.
  absl::StatusOr<std::string> Name(absl::string_view strings, uint64_t offset);
  // Reads from where the loader would have mapped `address`.
  absl::StatusOr<std::string> ReadMapped(uint64_t address, uint64_t size);
  // The bytes of the file from `address` to the end of its segment.
  uint64_t MappedBytes(uint64_t address) const;

  const ByteSource& file_;
  ElfFile elf_;
  std::vector<Elf64_Phdr> loads_;
  uint64_t name_bytes_ = 0;
};

absl::StatusOr<Elf64_Ehdr> Reader::ReadHeader() {
  constexpr absl::string_view kMagic("\177ELF", 4);
  absl::StatusOr<std::string> ident =
      file_.Read(0, std::min<uint64_t>(EI_NIDENT, file_.size()));
  if (!ident.ok()) return ident.status();
  if (ident->compare(0, kMagic.size(), kMagic.data(), kMagic.size()) != 0) {
    return absl::InvalidArgumentError("not an ELF file");
  }
  // e_type and e_machine lie at the same place in both classes.
  absl::StatusOr<std::string> start = file_.Read(0, EI_NIDENT + 4);
  if (!start.ok()) return Damaged("it ends inside its header");
  elf_.is_64_bit = (*start)[EI_CLASS] == ELFCLASS64;
  elf_.is_little_endian = (*start)[EI_DATA] == ELFDATA2LSB;
  if (elf_.is_little_endian) {
    elf_.type = Load<uint16_t>(*start, EI_NIDENT);
    elf_.machine = Load<uint16_t>(*start, EI_NIDENT + 2);
  }
  if (!elf_.is_x86_64()) return Elf64_Ehdr{};
  absl::StatusOr<std::string> header = file_.Read(0, sizeof(Elf64_Ehdr));
  if (!header.ok()) return Damaged("it ends inside its header");
  return Load<Elf64_Ehdr>(*header, 0);
}

absl::StatusOr<ElfFile> Reader::Run() {
  absl::StatusOr<Elf64_Ehdr> header = ReadHeader();
  if (!header.ok()) return header.status();
  if (!elf_.is_x86_64()) return std::move(elf_);
  if (absl::Status status = ReadSegments(*header); !status.ok()) return status;
  FindGoSections(*header);
  return std::move(elf_);
}

absl::Status Reader::ReadSegments(const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) {
    return Damaged("program headers of an unknown size");
  }
  absl::StatusOr<std::string> table =
      file_.Read(header.e_phoff,
                 static_cast<uint64_t>(header.e_phnum) * sizeof(Elf64_Phdr));
  if (!table.ok()) return Damaged("its program headers lie outside it");
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  for (size_t i = 0; i < segments.size(); ++i) {
    segments[i] = Load<Elf64_Phdr>(*table, i * sizeof(Elf64_Phdr));
    if (segments[i].p_type == PT_LOAD) loads_.push_back(segments[i]);
  }
  for (const Elf64_Phdr& segment : segments) {
    absl::Status status;
    if (segment.p_type == PT_INTERP) status = ReadInterpreter(segment);
    if (segment.p_type == PT_NOTE) status = ReadNotes(segment);
    if (segment.p_type == PT_DYNAMIC) status = ReadDynamic(segment);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadInterpreter(const Elf64_Phdr& segment) {
  if (segment.p_filesz < 2 || segment.p_filesz > kMaxInterpreterBytes) {
    return Damaged("the name of its dynamic loader has an impossible length");
  }
  absl::StatusOr<std::string> name =
      file_.Read(segment.p_offset, segment.p_filesz);
  if (!name.ok()) return Damaged("the name of its loader lies outside it");
  if (name->back() != '\0') {
    return Damaged("the name of its dynamic loader does not end");
  }
  elf_.interpreter = name->c_str();
  if (elf_.interpreter.empty()) {
    return Damaged("the name of its dynamic loader is empty");
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadNotes(const Elf64_Phdr& segment) {
  absl::StatusOr<std::string> notes =
      file_.Read(segment.p_offset, std::min(segment.p_filesz, kMaxNoteBytes));
  if (!notes.ok()) return Damaged("its notes lie outside it");
  const uint64_t align = segment.p_align == 8 ? 8 : 4;
  const auto round_up = [align](uint64_t n) {
    return (n + align - 1) & ~(align - 1);
  };
  uint64_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= notes->size()) {
    const auto note = Load<Elf64_Nhdr>(*notes, at);
    at += sizeof(note);
    // Only to recognise a mark: a note that runs out of bounds ends the search.
    if (note.n_namesz > notes->size() - at) break;
    const absl::string_view name(notes->data() + at, note.n_namesz);
    if (note.n_type == kGoBuildIdNote &&
        name == absl::string_view("Go\0\0", 4)) {
      elf_.is_go = true;
    }
    at += round_up(note.n_namesz) + round_up(note.n_descsz);
  }
  return absl::OkStatus();
}

uint64_t Reader::MappedBytes(uint64_t address) const {
  for (const Elf64_Phdr& load : loads_) {
    if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz) {
      return load.p_filesz - (address - load.p_vaddr);
    }
  }
  return 0;
}

absl::StatusOr<std::string> Reader::ReadMapped(uint64_t address,
                                               uint64_t size) {
  for (const Elf64_Phdr& load : loads_) {
    if (address < load.p_vaddr) continue;
    const uint64_t inside = address - load.p_vaddr;
    if (inside > load.p_filesz || size > load.p_filesz - inside) continue;
    if (load.p_offset > file_.size() || inside > file_.size() - load.p_offset) {
      break;
    }
    return file_.Read(load.p_offset + inside, size);
  }
  return absl::OutOfRangeError("no segment of the file holds it");
}

absl::Status Reader::ReadDynamic(const Elf64_Phdr& segment) {
  if (elf_.has_dynamic_segment) return Damaged("it has two dynamic segments");
  elf_.has_dynamic_segment = true;
  absl::StatusOr<std::string> table =
      file_.Read(segment.p_offset, segment.p_filesz);
  if (!table.ok()) return Damaged("its dynamic segment lies outside it");
  Dynamic dynamic;
  for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= table->size();
       at += sizeof(Elf64_Dyn)) {
    const auto entry = Load<Elf64_Dyn>(*table, at);
    if (entry.d_tag == DT_NULL) break;
    const uint64_t value = entry.d_un.d_val;
    switch (entry.d_tag) {
      case DT_NEEDED:
        dynamic.needed.push_back(value);
        break;
      case DT_STRTAB:
        dynamic.strings = value;
        break;
      case DT_STRSZ:
        dynamic.strings_size = value;
        break;
      case DT_SYMTAB:
        dynamic.symbols = value;
        break;
      case DT_HASH:
        dynamic.hash = value;
        break;
      case DT_GNU_HASH:
        dynamic.gnu_hash = value;
        break;
      case DT_RELA:
        dynamic.rela = value;
        break;
      case DT_RELASZ:
        dynamic.rela_size = value;
        break;
      case DT_JMPREL:
        dynamic.plt_rela = value;
        break;
      case DT_PLTRELSZ:
        dynamic.plt_rela_size = value;
        break;
      default:
        break;
    }
  }
  absl::StatusOr<std::string> strings =
      ReadMapped(dynamic.strings, dynamic.strings_size);
  if (!strings.ok()) return Damaged("its table of names lies outside it");
  if (!strings->empty() && strings->back() != '\0') {
    return Damaged("its table of names does not end");
  }
  for (uint64_t offset : dynamic.needed) {
    absl::StatusOr<std::string> name = Name(*strings, offset);
    if (!name.ok()) return name.status();
    elf_.needed.push_back(*std::move(name));
  }
  return ReadSymbols(dynamic, *strings);
}

absl::StatusOr<std::string> Reader::Name(absl::string_view strings,
                                         uint64_t offset) {
  if (offset >= strings.size()) {
    return Damaged("a name lies outside its table of names");
  }
  std::string name(strings.data() + offset);
  // Entries that share one long name would make the copies far larger than the
  // file; no linker writes such a table.
  name_bytes_ += name.size();
  if (name_bytes_ > kMaxNamesPerByte * file_.size()) {
    return Damaged("its names overlap");
  }
  return name;
}

absl::StatusOr<uint64_t> Reader::CountGnuHash(uint64_t address) {
  struct Header {
    uint32_t buckets, first_symbol, bloom_words, bloom_shift;
  };
  absl::StatusOr<std::string> bytes = ReadMapped(address, sizeof(Header));
  if (!bytes.ok()) return Damaged("its hash table lies outside it");
  const auto header = Load<Header>(*bytes, 0);
  const uint64_t buckets_at = address + sizeof(Header) +
                              uint64_t{header.bloom_words} * sizeof(uint64_t);
  absl::StatusOr<std::string> buckets =
      ReadMapped(buckets_at, uint64_t{header.buckets} * sizeof(uint32_t));
  if (!buckets.ok()) return Damaged("its hash table lies outside it");
  uint32_t last = 0;
  for (uint64_t i = 0; i < header.buckets; ++i) {
    last = std::max(last, Load<uint32_t>(*buckets, i * sizeof(uint32_t)));
  }
  if (last < header.first_symbol) return header.first_symbol;
  // The chain of the last bucket ends at the last symbol: an odd hash.
  const uint64_t chains_at = buckets_at + buckets->size();
  const uint64_t from =
      chains_at + (uint64_t{last} - header.first_symbol) * sizeof(uint32_t);
  absl::StatusOr<std::string> chain = ReadMapped(from, MappedBytes(from));
  if (!chain.ok()) return Damaged("its hash table lies outside it");
  for (uint64_t i = 0; (i + 1) * sizeof(uint32_t) <= chain->size(); ++i) {
    if ((Load<uint32_t>(*chain, i * sizeof(uint32_t)) & 1) != 0) {
      return uint64_t{last} + i + 1;
    }
  }
  return Damaged("its hash table does not end");
}

absl::StatusOr<uint64_t> Reader::CountRelocated(uint64_t address,
                                                uint64_t size) {
  if (size == 0) return 0;
  absl::StatusOr<std::string> table = ReadMapped(address, size);
  if (!table.ok()) return Damaged("its relocations lie outside it");
  uint64_t count = 0;
  for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= table->size();
       at += sizeof(Elf64_Rela)) {
    const auto rela = Load<Elf64_Rela>(*table, at);
    count = std::max<uint64_t>(count, uint64_t{ELF64_R_SYM(rela.r_info)} + 1);
  }
  return count;
}

// Nothing states the size of the symbol table. DT_HASH does by the way; the GNU
// hash table covers only exported symbols, and the relocations name every
// imported one that is used.
absl::StatusOr<uint64_t> Reader::CountSymbols(const Dynamic& dynamic) {
  uint64_t count = 0;
  if (dynamic.hash != 0) {
    absl::StatusOr<std::string> bytes =
        ReadMapped(dynamic.hash, 2 * sizeof(uint32_t));
    if (!bytes.ok()) return Damaged("its hash table lies outside it");
    count = Load<uint32_t>(*bytes, sizeof(uint32_t));
  }
  if (dynamic.gnu_hash != 0) {
    absl::StatusOr<uint64_t> exported = CountGnuHash(dynamic.gnu_hash);
    if (!exported.ok()) return exported.status();
    count = std::max(count, *exported);
  }
  for (const auto& [address, size] :
       {std::make_pair(dynamic.rela, dynamic.rela_size),
        std::make_pair(dynamic.plt_rela, dynamic.plt_rela_size)}) {
    absl::StatusOr<uint64_t> relocated = CountRelocated(address, size);
    if (!relocated.ok()) return relocated.status();
    count = std::max(count, *relocated);
  }
  return count;
}

absl::Status Reader::ReadSymbols(const Dynamic& dynamic,
                                 absl::string_view strings) {
  if (dynamic.symbols == 0) return absl::OkStatus();
  absl::StatusOr<uint64_t> count = CountSymbols(dynamic);
  if (!count.ok()) return count.status();
  if (*count > file_.size() / sizeof(Elf64_Sym)) {
    return Damaged("more symbols than it has room for");
  }
  absl::StatusOr<std::string> table =
      ReadMapped(dynamic.symbols, *count * sizeof(Elf64_Sym));
  if (!table.ok()) return Damaged("its symbols lie outside it");
  // Symbol 0 is reserved and means none.
  for (uint64_t i = 1; i < *count; ++i) {
    const auto symbol = Load<Elf64_Sym>(*table, i * sizeof(Elf64_Sym));
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
    absl::StatusOr<std::string> name = Name(strings, symbol.st_name);
    if (!name.ok()) return name.status();
    (symbol.st_shndx == SHN_UNDEF ? elf_.imported : elf_.exported)
        .push_back(*std::move(name));
  }
  return absl::OkStatus();
}

// Section headers are no part of what runs, so damage here is not an error.
void Reader::FindGoSections(const Elf64_Ehdr& header) {
  if (header.e_shentsize != sizeof(Elf64_Shdr) ||
      header.e_shstrndx >= header.e_shnum) {
    return;
  }
  absl::StatusOr<std::string> table =
      file_.Read(header.e_shoff,
                 static_cast<uint64_t>(header.e_shnum) * sizeof(Elf64_Shdr));
  if (!table.ok()) return;
  const auto names_header =
      Load<Elf64_Shdr>(*table, header.e_shstrndx * sizeof(Elf64_Shdr));
  absl::StatusOr<std::string> names =
      file_.Read(names_header.sh_offset, names_header.sh_size);
  if (!names.ok() || names->empty() || names->back() != '\0') return;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto section = Load<Elf64_Shdr>(*table, i * sizeof(Elf64_Shdr));
    if (section.sh_name >= names->size()) continue;
    const absl::string_view name(names->data() + section.sh_name);
    if (name == ".go.buildinfo" || name == ".note.go.buildid") {
      elf_.is_go = true;
    }
  }
}

}  // namespace

bool ElfFile::is_x86_64() const {
  return is_64_bit && is_little_endian && machine == EM_X86_64;
}

absl::StatusOr<ElfFile> ReadElf(const ByteSource& file) {
  return Reader(file).Run();
}

}  // namespace bulkhead
