// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/launch/elf_file.h"

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "allocator/launch/byte_source.h"
#include "allocator/launch/elf_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<ElfFile> Read(const std::string& bytes) {
  return ReadElf(StringSource(bytes));
}

ElfDescription Example() {
  ElfDescription description;
  description.interpreter = "/lib64/ld-linux-x86-64.so.2";
  description.needed = {"libm.so.6", "libc.so.6"};
  description.imported = {"malloc", "puts", "free"};
  description.exported = {"main", "hook"};
  description.go_note = true;
  return description;
}

class HashStyleTest : public ::testing::TestWithParam<HashStyle> {};

TEST_P(HashStyleTest, ReadsWhatTheLoaderWouldSee) {
  ElfDescription description = Example();
  description.hash = GetParam();
  absl::StatusOr<ElfFile> elf = Read(BuildElf(description));
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_TRUE(elf->is_x86_64());
  EXPECT_EQ(elf->type, ET_DYN);
  EXPECT_EQ(elf->interpreter, "/lib64/ld-linux-x86-64.so.2");
  EXPECT_THAT(elf->needed, ElementsAre("libm.so.6", "libc.so.6"));
  EXPECT_THAT(elf->imported, ElementsAre("malloc", "puts", "free"));
  EXPECT_THAT(elf->exported, ElementsAre("main", "hook"));
  EXPECT_TRUE(elf->is_go);
}

TEST_P(HashStyleTest, FindsImportsWhereNothingIsExported) {
  ElfDescription description = Example();
  description.hash = GetParam();
  description.exported.clear();
  absl::StatusOr<ElfFile> elf = Read(BuildElf(description));
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_THAT(elf->imported, ElementsAre("malloc", "puts", "free"));
  EXPECT_THAT(elf->exported, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Both, HashStyleTest,
                         ::testing::Values(HashStyle::kSysv, HashStyle::kGnu));

TEST(ElfFileTest, AStaticProgramHasNoInterpreter) {
  absl::StatusOr<ElfFile> elf = Read(BuildElf(ElfDescription()));
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_EQ(elf->interpreter, "");
  EXPECT_FALSE(elf->has_dynamic_segment);
  EXPECT_FALSE(elf->is_go);
}

TEST(ElfFileTest, OtherFilesAreNoElf) {
  for (const std::string& bytes :
       {std::string(), std::string("\177EL"), std::string("#!/bin/sh\n"),
        std::string(1000, 'x'), std::string(1000, '\0')}) {
    EXPECT_EQ(Read(bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ElfFileTest, OfAnotherMachineOnlyTheHeaderIsRead) {
  std::string bytes = BuildElf(Example());
  bytes[EI_CLASS] = ELFCLASS32;
  bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
  absl::StatusOr<ElfFile> elf = Read(bytes);
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_FALSE(elf->is_x86_64());
  EXPECT_EQ(elf->machine, EM_386);
  EXPECT_EQ(elf->interpreter, "");
}

TEST(ElfFileTest, ReadsItself) {
  absl::StatusOr<std::unique_ptr<ByteSource>> file = OpenFile("/proc/self/exe");
  ASSERT_TRUE(file.ok()) << file.status();
  absl::StatusOr<ElfFile> elf = ReadElf(**file);
  ASSERT_TRUE(elf.ok()) << elf.status();
  EXPECT_TRUE(absl::EndsWith(elf->interpreter, "/ld-linux-x86-64.so.2"));
  EXPECT_THAT(elf->needed, ::testing::Contains("libc.so.6"));
  EXPECT_THAT(elf->imported, ::testing::Contains("__libc_start_main"));
}

// The end of the file cuts off a table or, near the end, nothing that is read:
// never more than "damaged" comes of it.
TEST(ElfFileTest, EveryTruncationIsNoticedOrHarmless) {
  const std::string whole = BuildElf(Example());
  size_t damaged = 0;
  for (size_t size = 4; size < whole.size(); ++size) {
    absl::StatusOr<ElfFile> elf = Read(whole.substr(0, size));
    if (elf.ok()) continue;
    EXPECT_EQ(elf.status().code(), absl::StatusCode::kDataLoss) << size;
    ++damaged;
  }
  EXPECT_GT(damaged, whole.size() / 2);
}

TEST(ElfFileTest, EveryByteMayHoldAnyOfTheEdgeValues) {
  const std::string whole = BuildElf(Example());
  for (size_t at = 4; at < whole.size(); ++at) {
    for (int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(value);
      absl::StatusOr<ElfFile> elf = Read(bytes);
      EXPECT_TRUE(elf.ok() ||
                  elf.status().code() == absl::StatusCode::kDataLoss)
          << at << ": " << elf.status();
    }
  }
}

TEST(ElfFileTest, RandomDamageIsSurvived) {
  std::mt19937_64 random(20260101);
  const std::string whole = BuildElf(Example());
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 4; ++i) {
      // Whole words, so that sizes and addresses become huge, not just odd.
      const size_t at = random() % (bytes.size() - 8);
      const uint64_t word = random() >> (random() % 64);
      std::memcpy(bytes.data() + at, &word, sizeof(word));
    }
    absl::StatusOr<ElfFile> elf = Read(bytes);
    if (!elf.ok()) continue;
    size_t names = 0;
    for (const auto* list : {&elf->needed, &elf->imported, &elf->exported}) {
      for (const std::string& name : *list) names += name.size();
    }
    EXPECT_LE(names, 4 * bytes.size());
  }
}

TEST(ElfFileTest, NamesThatShareBytesDoNotMultiplyMemory) {
  ElfDescription description;
  description.interpreter = "/lib64/ld-linux-x86-64.so.2";
  description.imported.assign(200, std::string(1000, 'x'));
  std::string bytes = BuildElf(description);
  EXPECT_TRUE(Read(bytes).ok());
  // Without the ends between them, each name runs on to the end of the last.
  const size_t first = bytes.find(std::string(1000, 'x'));
  for (size_t i = 0; i + 1 < description.imported.size(); ++i) {
    bytes[first + i * 1001 + 1000] = 'x';
  }
  EXPECT_THAT(Read(bytes).status().message(), HasSubstr("names overlap"));
}

TEST(ElfFileTest, ASecondDynamicSegmentIsRefused) {
  std::string bytes = BuildElf(Example());
  // The Go note's segment follows the dynamic one; make it a second.
  constexpr size_t kThird = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  const uint32_t type = PT_DYNAMIC;
  std::memcpy(bytes.data() + kThird, &type, sizeof(type));
  EXPECT_THAT(Read(bytes).status().message(),
              HasSubstr("two dynamic segments"));
}

}  // namespace
}  // namespace bulkhead
