// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/verdict.h"

#include <elf.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace bulkhead {
namespace {

constexpr absl::string_view kGlibcLoader = "ld-linux-x86-64.so.2";

// Symbols that, defined by the program, take precedence over every preloaded
// library's: the program then never calls Bulkhead.
constexpr absl::string_view kMallocFamily[] = {
    "malloc",        "calloc",         "realloc",  "free",
    "aligned_alloc", "posix_memalign", "memalign",
};

// jemalloc's own functions that hand out blocks or take them. Blocks from them
// belong to libjemalloc, and programs mix them with plain malloc and free.
// nallocx, which only computes a size, and mallctl and its kin, which are
// settings and statistics, touch no block: Debian's redis-server imports just
// those, and runs.
constexpr absl::string_view kJemallocAllocation[] = {
    "mallocx", "rallocx", "xallocx", "sallocx", "dallocx", "sdallocx",
};

// Libraries that are there to replace malloc, by the start of their names.
// libjemalloc is judged by what the program imports from it.
constexpr absl::string_view kAllocatorLibraries[] = {
    "libtcmalloc", "libmimalloc", "libhoard",   "libsnmalloc",
    "libscudo",    "librpmalloc", "libumem",    "libtbbmalloc_proxy",
    "libefence",   "libduma",     "libdmalloc", "libhardened_malloc",
};

// Sanitizers intercept malloc and must stand first among all libraries.
constexpr absl::string_view kSanitizerLibraries[] = {
    "libasan", "libhwasan", "liblsan", "libtsan", "libmemprof",
};

absl::Status Refuse(absl::string_view reason) {
  return absl::FailedPreconditionError(reason);
}

absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

template <typename Names>
bool Contains(const Names& names, absl::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

template <typename Prefixes>
bool StartsWithAny(absl::string_view name, const Prefixes& prefixes) {
  return std::any_of(
      std::begin(prefixes), std::end(prefixes),
      [name](absl::string_view p) { return absl::StartsWith(name, p); });
}

absl::Status JudgeMachine(const ElfFile& elf) {
  if (elf.is_x86_64()) return absl::OkStatus();
  if (elf.machine == EM_386) {
    return Refuse(
        "it is a 32-bit x86 program, and Bulkhead is for x86-64 only: install "
        "its 64-bit build");
  }
  if (elf.machine == EM_X86_64) {
    return Refuse(
        "it is an x32 program, and Bulkhead is for 64-bit x86-64 only: install "
        "its 64-bit build");
  }
  return Refuse(absl::StrCat("it is built for another machine (ELF machine ",
                             elf.machine,
                             "), and Bulkhead is for x86-64 only"));
}

absl::Status JudgeLoader(const ElfFile& elf) {
  if (elf.interpreter.empty() && !elf.needed.empty()) {
    return Refuse("it is a shared library, which is no program");
  }
  if (elf.interpreter.empty()) {
    return Refuse(
        elf.is_go
            ? "it is a Go program, statically linked: the Go runtime has an "
              "allocator of its own and nothing can be preloaded"
            : "it is statically linked, so no library can be preloaded: link "
              "it with Bulkhead (-lbulkhead, or malloc = \"//:malloc\" in "
              "Bazel)");
  }
  const absl::string_view loader = BaseName(elf.interpreter);
  if (loader == kGlibcLoader) return absl::OkStatus();
  if (absl::StartsWith(loader, "ld-musl-")) {
    return Refuse(absl::StrCat("it runs on the C library musl (its loader is ",
                               elf.interpreter,
                               "), and Bulkhead is for glibc only"));
  }
  return Refuse(absl::StrCat("its loader is ", elf.interpreter,
                             ", not glibc's ", kGlibcLoader,
                             ", and Bulkhead is for glibc only"));
}

absl::Status JudgeOwnMalloc(const ElfFile& elf) {
  for (absl::string_view name : kMallocFamily) {
    if (Contains(elf.exported, name)) {
      return Refuse(absl::StrCat(
          "it brings an allocator of its own (it defines ", name,
          ", which takes precedence over any preloaded library): build it "
          "without that allocator"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status JudgePrivileges(const Privileges& privileges) {
  const char* what = privileges.setuid              ? "setuid"
                     : privileges.setgid            ? "setgid"
                     : privileges.file_capabilities ? "given file capabilities"
                                                    : nullptr;
  if (what == nullptr) return absl::OkStatus();
  return Refuse(absl::StrCat(
      "it is ", what,
      ", and the loader ignores LD_PRELOAD in a program that gains rights: "
      "link it with Bulkhead instead"));
}

absl::Status JudgeElf(const ElfFile& elf) {
  if (absl::Status status = JudgeMachine(elf); !status.ok()) return status;
  if (elf.type != ET_EXEC && elf.type != ET_DYN) {
    return Refuse(
        "it is no program but another kind of ELF file (an object "
        "file, a kernel module or a core)");
  }
  if (absl::Status status = JudgeLoader(elf); !status.ok()) return status;
  if (elf.is_go) {
    return Refuse(
        "it is a Go program: the Go runtime allocates its heap itself, and "
        "Bulkhead would serve only the C code linked into it");
  }
  if (absl::Status status = JudgeOwnMalloc(elf); !status.ok()) return status;
  return JudgeDependencies(elf, "");
}

absl::Status JudgeDependencies(const ElfFile& elf, absl::string_view library) {
  const std::string via =
      library.empty() ? "" : absl::StrCat(", through ", BaseName(library), ",");
  for (const std::string& needed : elf.needed) {
    const absl::string_view name = BaseName(needed);
    if (StartsWithAny(name, kAllocatorLibraries)) {
      return Refuse(absl::StrCat("it is linked", via,
                                 " with an allocator of its own, ", name,
                                 ": build it without that library"));
    }
    if (StartsWithAny(name, kSanitizerLibraries)) {
      return Refuse(absl::StrCat("it is built", via, " with a sanitizer (",
                                 name,
                                 "), which replaces malloc itself: build it "
                                 "without -fsanitize"));
    }
  }
  for (const std::string& symbol : elf.imported) {
    if (Contains(kJemallocAllocation, absl::StripPrefix(symbol, "je_"))) {
      return Refuse(absl::StrCat(
          "it uses", via, " jemalloc's own allocation interface (imports ",
          symbol,
          "), which Bulkhead does not offer: build it for plain malloc"));
    }
  }
  return absl::OkStatus();
}

absl::Status JudgeLibrary(const ElfFile& elf) {
  if (absl::Status status = JudgeMachine(elf); !status.ok()) return status;
  if (elf.type != ET_DYN || !elf.has_dynamic_segment) {
    return Refuse("it is not a shared library");
  }
  for (absl::string_view name : kMallocFamily) {
    if (!Contains(elf.exported, name)) {
      return Refuse(absl::StrCat("it does not define ", name,
                                 ", so it would not replace malloc"));
    }
  }
  return absl::OkStatus();
}

}  // namespace bulkhead
