// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What programs do with the calls that change pages, to their own mappings and
// to their own blocks.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace {

constexpr size_t kPage = 4096;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

char* Map(size_t bytes, int protection = kReadWrite) {
  void* const pages = mmap(nullptr, bytes, protection, kPrivate, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

bool IsAll(const char* bytes, size_t size, char value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

// A block of whole pages, all of them written to.
class Block {
 public:
  explicit Block(size_t pages) : bytes_(pages * kPage) {
    void* block = nullptr;
    if (posix_memalign(&block, kPage, bytes_) != 0) abort();
    memset(block, 1, bytes_);
    begin_ = static_cast<char*>(block);
  }
  ~Block() { free(begin_); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  char* begin() const { return begin_; }
  size_t bytes() const { return bytes_; }

 private:
  char* begin_;
  size_t bytes_;
};

TEST(OrdinaryMappings, ComeAndGo) {
  for (int i = 0; i < 100; ++i) {
    char* const pages = Map(16 * kPage);
    ASSERT_NE(pages, nullptr);
    EXPECT_TRUE(IsAll(pages, 16 * kPage, 0));
    memset(pages, 1, 16 * kPage);
    // The middle first.
    EXPECT_EQ(munmap(pages + 4 * kPage, 8 * kPage), 0);
    EXPECT_TRUE(IsAll(pages, 4 * kPage, 1));
    EXPECT_EQ(munmap(pages, 16 * kPage), 0);
  }
}

TEST(OrdinaryMappings, AreCommittedInAReservedRange) {
  char* const range = Map(64 * kPage, PROT_NONE);
  ASSERT_NE(range, nullptr);
  EXPECT_EQ(
      mmap(range + kPage, 2 * kPage, kReadWrite, kPrivate | MAP_FIXED, -1, 0),
      range + kPage);
  memset(range + kPage, 1, 2 * kPage);
  EXPECT_EQ(mprotect(range + 8 * kPage, kPage, kReadWrite), 0);
  range[8 * kPage] = 1;
  EXPECT_EQ(munmap(range, 64 * kPage), 0);
}

TEST(OrdinaryMappings, GrowShrinkAndMove) {
  char* pages = Map(4 * kPage);
  ASSERT_NE(pages, nullptr);
  memset(pages, 1, 4 * kPage);
  void* const grown = mremap(pages, 4 * kPage, 256 * kPage, MREMAP_MAYMOVE);
  ASSERT_NE(grown, MAP_FAILED);
  pages = static_cast<char*>(grown);
  EXPECT_TRUE(IsAll(pages, 4 * kPage, 1));
  EXPECT_EQ(mremap(pages, 256 * kPage, 4 * kPage, 0), pages);
  char* const target = Map(4 * kPage);
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(mremap(pages, 4 * kPage, 4 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
                   target),
            target);
  EXPECT_TRUE(IsAll(target, 4 * kPage, 1));
  EXPECT_EQ(munmap(target, 4 * kPage), 0);
}

TEST(OrdinaryMappings, ShowFiles) {
  FILE* const file = tmpfile();
  ASSERT_NE(file, nullptr);
  for (char value = 0; value < 3; ++value) {
    for (size_t i = 0; i < kPage; ++i) ASSERT_EQ(fputc(value, file), value);
  }
  ASSERT_EQ(fflush(file), 0);
  for (const size_t page : {0, 1, 2}) {
    const auto offset = static_cast<off_t>(page * kPage);
    void* const mapped =
        mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fileno(file), offset);
    ASSERT_NE(mapped, MAP_FAILED);
    void* const mapped64 =
        mmap64(nullptr, kPage, PROT_READ, MAP_SHARED, fileno(file), offset);
    ASSERT_NE(mapped64, MAP_FAILED);
    for (void* const view : {mapped, mapped64}) {
      EXPECT_TRUE(IsAll(static_cast<const char*>(view), kPage,
                        static_cast<char>(page)));
      EXPECT_EQ(munmap(view, kPage), 0);
    }
  }
  errno = 0;
  EXPECT_EQ(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, -1, 0), MAP_FAILED);
  EXPECT_EQ(errno, EBADF);
  errno = 0;
  EXPECT_EQ(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fileno(file), 1),
            MAP_FAILED);
  EXPECT_EQ(errno, EINVAL);
  fclose(file);
}

TEST(OrdinaryMappings, AreDiscarded) {
  char* const pages = Map(4 * kPage);
  ASSERT_NE(pages, nullptr);
  memset(pages, 1, 4 * kPage);
  EXPECT_EQ(madvise(pages + kPage, kPage, MADV_DONTNEED), 0);
  EXPECT_TRUE(IsAll(pages, kPage, 1));
  EXPECT_TRUE(IsAll(pages + kPage, kPage, 0));
  EXPECT_EQ(posix_madvise(pages, kPage, POSIX_MADV_WILLNEED), 0);
  EXPECT_EQ(munmap(pages, 4 * kPage), 0);
}

TEST(OrdinaryMappings, FailAsTheKernelSays) {
  char* const pages = Map(2 * kPage);
  ASSERT_NE(pages, nullptr);
  const auto expect = [](intptr_t result, int error) {
    EXPECT_EQ(result, -1);
    EXPECT_EQ(errno, error);
  };
  const auto number = [](void* result) {
    return reinterpret_cast<intptr_t>(result);
  };
  expect(munmap(pages, 0), EINVAL);
  expect(munmap(pages + 1, kPage), EINVAL);
  expect(mprotect(pages + 1, kPage, PROT_READ), EINVAL);
  expect(madvise(pages + 1, kPage, MADV_NORMAL), EINVAL);
  expect(madvise(pages, kPage, 12345), EINVAL);
  expect(number(mmap(nullptr, 0, kReadWrite, kPrivate, -1, 0)), EINVAL);
  expect(number(mmap(nullptr, SIZE_MAX / 2, kReadWrite, kPrivate, -1, 0)),
         ENOMEM);
  expect(number(mmap(pages, kPage, kReadWrite, kPrivate | MAP_FIXED_NOREPLACE,
                     -1, 0)),
         EEXIST);
  expect(number(mremap(pages, kPage, 0, 0)), EINVAL);
  EXPECT_EQ(munmap(pages, 2 * kPage), 0);
  expect(mprotect(pages, kPage, PROT_READ), ENOMEM);
}

TEST(OrdinaryMappings, LeaveErrnoAloneOnSuccess) {
  errno = 123;
  char* const pages = Map(kPage);
  ASSERT_NE(pages, nullptr);
  EXPECT_EQ(mprotect(pages, kPage, PROT_READ), 0);
  EXPECT_EQ(madvise(pages, kPage, MADV_NORMAL), 0);
  EXPECT_EQ(munmap(pages, kPage), 0);
  EXPECT_EQ(errno, 123);
}

TEST(OrdinaryBlocks, AreWriteProtectedForAWhile) {
  const Block block(4);
  ASSERT_EQ(mprotect(block.begin(), block.bytes(), PROT_READ), 0);
  EXPECT_TRUE(IsAll(block.begin(), block.bytes(), 1));
  const pid_t child = fork();
  if (child == 0) {
    block.begin()[0] = 2;
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  ASSERT_EQ(mprotect(block.begin() + kPage, kPage, PROT_NONE), 0);
  ASSERT_EQ(mprotect(block.begin(), block.bytes(), kReadWrite), 0);
  block.begin()[0] = 2;
}

// As compilers at run time do.
TEST(OrdinaryBlocks, AreExecuted) {
  const Block block(1);
  const unsigned char answer[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret
  memcpy(block.begin(), answer, sizeof(answer));
  ASSERT_EQ(mprotect(block.begin(), kPage, PROT_READ | PROT_EXEC), 0);
  EXPECT_EQ(reinterpret_cast<int (*)()>(block.begin())(), 42);
  ASSERT_EQ(mprotect(block.begin(), kPage, kReadWrite), 0);
}

// As collectors of garbage do with what they found unused in a large block.
TEST(OrdinaryBlocks, AreDiscardedInPart) {
  for (const size_t pages : {4, 64, 2048}) {
    const Block block(pages);
    char* const middle = block.begin() + kPage;
    ASSERT_EQ(madvise(middle, block.bytes() - 2 * kPage, MADV_DONTNEED), 0);
    EXPECT_TRUE(IsAll(block.begin(), kPage, 1));
    EXPECT_TRUE(IsAll(middle, block.bytes() - 2 * kPage, 0));
    EXPECT_TRUE(IsAll(block.begin() + block.bytes() - kPage, kPage, 1));
    memset(middle, 1, kPage);
    EXPECT_EQ(madvise(middle, kPage, MADV_FREE), 0);
  }
}

TEST(OrdinaryBlocks, TakeAdvice) {
  const Block block(1024);
  for (const int advice :
       {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_HUGEPAGE,
        MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_COLD}) {
    const int result = madvise(block.begin(), block.bytes(), advice);
    // A kernel without huge pages says that it does not know them.
    const bool is_huge = advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
    EXPECT_TRUE(result == 0 || (is_huge && errno == EINVAL)) << advice;
  }
  EXPECT_TRUE(IsAll(block.begin(), block.bytes(), 1));
}

}  // namespace
