// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/verdict.h"

#include <elf.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::HasSubstr;

ElfFile Program() {
  ElfFile elf;
  elf.is_64_bit = true;
  elf.is_little_endian = true;
  elf.machine = EM_X86_64;
  elf.type = ET_DYN;
  elf.interpreter = "/lib64/ld-linux-x86-64.so.2";
  elf.has_dynamic_segment = true;
  elf.needed = {"libc.so.6"};
  elf.imported = {"malloc", "free", "puts"};
  return elf;
}

void ExpectRefused(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(text));
}

TEST(JudgeElfTest, AnOrdinaryProgramRuns) {
  EXPECT_TRUE(JudgeElf(Program()).ok());
  ElfFile fixed_address = Program();
  fixed_address.type = ET_EXEC;
  EXPECT_TRUE(JudgeElf(fixed_address).ok());
  ElfFile other_place = Program();
  other_place.interpreter = "/opt/glibc/lib/ld-linux-x86-64.so.2";
  EXPECT_TRUE(JudgeElf(other_place).ok());
}

TEST(JudgeElfTest, StaticProgramsAreRefused) {
  ElfFile elf = Program();
  elf.interpreter.clear();
  elf.needed.clear();
  ExpectRefused(JudgeElf(elf), "statically linked");
  elf.is_go = true;
  ExpectRefused(JudgeElf(elf), "it is a Go program, statically linked");
}

TEST(JudgeElfTest, SharedLibrariesAndObjectFilesAreNoPrograms) {
  ElfFile library = Program();
  library.interpreter.clear();
  ExpectRefused(JudgeElf(library), "it is a shared library");
  ElfFile object = Program();
  object.type = ET_REL;
  ExpectRefused(JudgeElf(object), "it is no program");
}

TEST(JudgeElfTest, OtherMachinesAreRefused) {
  ElfFile elf = Program();
  elf.machine = EM_AARCH64;
  ExpectRefused(JudgeElf(elf), "another machine (ELF machine 183)");
  elf.machine = EM_386;
  elf.is_64_bit = false;
  ExpectRefused(JudgeElf(elf), "32-bit x86");
  elf.machine = EM_X86_64;
  ExpectRefused(JudgeElf(elf), "x32");
}

TEST(JudgeElfTest, OtherLibcsAreRefused) {
  ElfFile elf = Program();
  elf.interpreter = "/lib/ld-musl-x86_64.so.1";
  ExpectRefused(JudgeElf(elf), "musl");
  elf.interpreter = "/system/bin/linker64";
  ExpectRefused(JudgeElf(elf), "its loader is /system/bin/linker64");
}

TEST(JudgeElfTest, GoWithCIsRefused) {
  ElfFile elf = Program();
  elf.is_go = true;
  ExpectRefused(JudgeElf(elf), "only the C code linked into it");
}

TEST(JudgeElfTest, AnAllocatorOfItsOwnIsRefused) {
  for (const char* name : {"malloc", "free", "calloc", "posix_memalign"}) {
    ElfFile elf = Program();
    elf.exported = {"main", name};
    ExpectRefused(JudgeElf(elf), std::string("it defines ") + name + ",");
  }
  // operator new of the program's own ends in malloc, which is Bulkhead's.
  ElfFile counts_news = Program();
  counts_news.exported = {"_Znwm", "_ZdlPv"};
  EXPECT_TRUE(JudgeElf(counts_news).ok());
}

TEST(JudgeElfTest, LinkedAllocatorsAndSanitizersAreRefused) {
  for (const char* name : {"libtcmalloc.so.4", "libtcmalloc_minimal.so.4",
                           "libmimalloc.so.2", "/opt/x/libmimalloc.so"}) {
    ElfFile elf = Program();
    elf.needed.insert(elf.needed.begin(), name);
    ExpectRefused(JudgeElf(elf), "it is linked with an allocator of its own");
  }
  ElfFile elf = Program();
  elf.needed.insert(elf.needed.begin(), "libasan.so.8");
  ExpectRefused(JudgeElf(elf), "a sanitizer (libasan.so.8)");
}

TEST(JudgeElfTest, JemallocIsJudgedByWhatIsImported) {
  ElfFile elf = Program();
  elf.needed.insert(elf.needed.begin(), "libjemalloc.so.2");
  elf.imported = {"malloc", "mallctl", "nallocx", "malloc_stats_print"};
  EXPECT_TRUE(JudgeElf(elf).ok());
  for (const char* name : {"mallocx", "rallocx", "xallocx", "sallocx",
                           "dallocx", "sdallocx", "je_mallocx"}) {
    elf.imported = {"malloc", name};
    ExpectRefused(JudgeElf(elf), std::string("imports ") + name + ")");
  }
}

TEST(JudgeDependenciesTest, ALibraryIsNamed) {
  ElfFile elf = Program();
  elf.imported = {"mallocx"};
  ExpectRefused(JudgeDependencies(elf, "/usr/lib/libisc.so"),
                "it uses, through libisc.so, jemalloc's own");
  // libjemalloc itself, mapped for the program, defines malloc and may.
  ElfFile jemalloc = Program();
  jemalloc.exported = {"malloc", "mallocx"};
  EXPECT_TRUE(JudgeDependencies(jemalloc, "/usr/lib/libjemalloc.so.2").ok());
}

TEST(JudgePrivilegesTest, GainedRightsAreRefused) {
  EXPECT_TRUE(JudgePrivileges(Privileges()).ok());
  Privileges privileges;
  privileges.file_capabilities = true;
  ExpectRefused(JudgePrivileges(privileges), "file capabilities");
  privileges.setgid = true;
  ExpectRefused(JudgePrivileges(privileges), "setgid");
  privileges.setuid = true;
  ExpectRefused(JudgePrivileges(privileges), "setuid");
}

TEST(JudgeLibraryTest, NeedsTheWholeFamily) {
  ElfFile elf = Program();
  elf.interpreter.clear();
  elf.exported = {"malloc",        "calloc",         "realloc", "free",
                  "aligned_alloc", "posix_memalign", "memalign"};
  EXPECT_TRUE(JudgeLibrary(elf).ok());
  elf.exported.pop_back();
  ExpectRefused(JudgeLibrary(elf), "does not define memalign");
  elf.type = ET_EXEC;
  ExpectRefused(JudgeLibrary(elf), "not a shared library");
}

}  // namespace
}  // namespace bulkhead
