// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/sandbox/bind.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

namespace bulkhead {
namespace {

// The parts of a library's dynamic section that tell of its functions.
struct Tables {
  uintptr_t base = 0;
  const char* path = nullptr;
  const ElfW(Rela) * relocations = nullptr;
  size_t count = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const ElfW(Half) * versions = nullptr;
  const unsigned char* needed = nullptr;
  size_t needed_count = 0;
  bool bound_at_start = false;

  // ld.so has made addresses of most of them already.
  template <typename T>
  T* At(ElfW(Addr) address) const {
    return reinterpret_cast<T*>(address < base ? base + address : address);
  }

  void Read(const ElfW(Dyn) & entry) {
    const auto address = entry.d_un.d_ptr;
    switch (entry.d_tag) {
      case DT_JMPREL:
        relocations = At<const ElfW(Rela)>(address);
        break;
      case DT_PLTRELSZ:
        count = entry.d_un.d_val / sizeof(ElfW(Rela));
        break;
      case DT_SYMTAB:
        symbols = At<const ElfW(Sym)>(address);
        break;
      case DT_STRTAB:
        strings = At<const char>(address);
        break;
      case DT_VERSYM:
        versions = At<const ElfW(Half)>(address);
        break;
      case DT_VERNEED:
        needed = At<const unsigned char>(address);
        break;
      case DT_VERNEEDNUM:
        needed_count = entry.d_un.d_val;
        break;
      case DT_BIND_NOW:
        bound_at_start = true;
        break;
      case DT_FLAGS:
        bound_at_start |= (entry.d_un.d_val & DF_BIND_NOW) != 0;
        break;
      case DT_FLAGS_1:
        bound_at_start |= (entry.d_un.d_val & DF_1_NOW) != 0;
        break;
      default:
        break;
    }
  }

  // The name of the version that symbol `index` is needed in, or nullptr.
  const char* VersionOf(size_t index) const {
    if (versions == nullptr || needed == nullptr) return nullptr;
    const unsigned wanted = versions[index] & 0x7fffu;
    const unsigned char* at = needed;
    for (size_t i = 0; i < needed_count; ++i) {
      const auto* file = reinterpret_cast<const ElfW(Verneed)*>(at);
      const unsigned char* inner = at + file->vn_aux;
      for (unsigned j = 0; j < file->vn_cnt; ++j) {
        const auto* version = reinterpret_cast<const ElfW(Vernaux)*>(inner);
        if (version->vna_other == wanted) return strings + version->vna_name;
        inner += version->vna_next;
      }
      at += file->vn_next;
    }
    return nullptr;
  }
};

// Whether a slot still leads to the code that asks ld.so for function `index`:
// an optional ENDBR64, and a push of the index.
bool IsUnbound(uintptr_t target, size_t index) {
  constexpr unsigned char kEndbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
  constexpr unsigned char kPush = 0x68;
  const auto* code = reinterpret_cast<const unsigned char*>(target);
  if (__builtin_memcmp(code, kEndbr64, sizeof(kEndbr64)) == 0) {
    code += sizeof(kEndbr64);
  }
  uint32_t pushed;
  __builtin_memcpy(&pushed, code + 1, sizeof(pushed));
  return *code == kPush && pushed == index;
}

// As ld.so would find it: in the first library that has the name, in the
// version that is needed if it has versions of it. dlvsym() passes by those
// without.
void* Find(void* where, const char* name, const char* version) {
  void* first = dlsym(where, name);
  void* exact = version != nullptr ? dlvsym(where, name, version) : nullptr;
  Dl_info of_first;
  Dl_info of_exact;
  if (first == nullptr) return exact;
  if (exact == nullptr || dladdr(first, &of_first) == 0 ||
      dladdr(exact, &of_exact) == 0) {
    return first;
  }
  return of_first.dli_fbase == of_exact.dli_fbase ? exact : first;
}

void* FindFor(const Tables& tables, const char* name, const char* version) {
  void* found = Find(RTLD_DEFAULT, name, version);
  if (found != nullptr || tables.path[0] == '\0') return found;
  // A library's own that others are not to see.
  void* own = dlopen(tables.path, RTLD_LAZY | RTLD_NOLOAD);
  if (own == nullptr) return nullptr;
  found = Find(own, name, version);
  dlclose(own);
  return found;
}

void Bind(const Tables& tables) {
  for (size_t i = 0; i < tables.count; ++i) {
    const ElfW(Rela)& relocation = tables.relocations[i];
    if (ELF64_R_TYPE(relocation.r_info) != R_X86_64_JUMP_SLOT) continue;
    auto* slot =
        reinterpret_cast<uintptr_t*>(tables.base + relocation.r_offset);
    if (!IsUnbound(*slot, i)) continue;
    const size_t index = ELF64_R_SYM(relocation.r_info);
    const char* name = tables.strings + tables.symbols[index].st_name;
    void* found = FindFor(tables, name, tables.VersionOf(index));
    if (found == nullptr) continue;
    __atomic_store_n(slot, reinterpret_cast<uintptr_t>(found),
                     __ATOMIC_RELEASE);
  }
}

// Gathered first: to look for symbols asks for the lock that the walk holds.
constexpr size_t kMostLibraries = 256;
struct Libraries {
  Tables tables[kMostLibraries];
  size_t count = 0;
};

int Gather(dl_phdr_info* info, size_t, void* raw) {
  auto& libraries = *static_cast<Libraries*>(raw);
  if (libraries.count == kMostLibraries) return 1;
  Tables& tables = libraries.tables[libraries.count];
  tables = {};
  tables.base = info->dlpi_addr;
  tables.path = info->dlpi_name;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(
        info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) tables.Read(*entry);
  }
  const bool complete = tables.relocations != nullptr &&
                        tables.symbols != nullptr && tables.strings != nullptr;
  if (complete && !tables.bound_at_start) ++libraries.count;
  return 0;
}

}  // namespace

void BindFunctions() {
  Libraries libraries;
  dl_iterate_phdr(Gather, &libraries);
  for (size_t i = 0; i < libraries.count; ++i) Bind(libraries.tables[i]);
}

}  // namespace bulkhead
