// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Filters on system calls that refuse, or answer "done" and do nothing: what
// was not protected must not be accessible.

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"
#include "tests/attacks/system_call_filter.h"
#include "tests/support/child.h"
#include "tests/support/mappings.h"

namespace {

using bulkhead_test::Answer;
using bulkhead_test::AnswerWhere;
using bulkhead_test::FindMapping;
using bulkhead_test::RunInChild;

int CreateUnder(int number, unsigned error) {
  const auto child = RunInChild([&] {
    Answer(number, error);
    bh_compartment made;
    _exit(bh_create("tricked", nullptr, &made));
  });
  EXPECT_TRUE(child.exited) << child.errors;
  return child.code;
}

TEST(FakeSuccessTest, UntaggedPagesAreClosedToEveryone) {
  const auto child = RunInChild([] {
    Answer(SYS_pkey_mprotect, 0);
    bh_compartment made;
    if (bh_create("tricked", nullptr, &made) != BH_OK) _exit(1);
    const void* block = bh_malloc(made, 100);
    if (block == nullptr) _exit(2);
    int ends[2];
    if (pipe(ends) != 0) _exit(3);
    if (write(ends[1], block, 1) != -1 || errno != EFAULT) _exit(4);
  });
  // Bulkhead's own pages are closed as well, and then its heap cannot go on.
  EXPECT_TRUE(child.ExitedWith(0) || child.DiedOf(SIGABRT))
      << child.code << child.errors;
}

TEST(FakeSuccessTest, PagesThatCannotBeTaggedAreNoMemory) {
  if (bh_get_level() != BH_LEVEL_PKU) {
    // Without keys nothing is tagged.
    EXPECT_EQ(CreateUnder(SYS_pkey_mprotect, EPERM), BH_OK);
    return;
  }
  const auto child = RunInChild([] {
    Answer(SYS_pkey_mprotect, EPERM);
    bh_compartment made;
    const bh_status status = bh_create("tricked", nullptr, &made);
    if (status == BH_ERR_NO_MEMORY) _exit(0);
    if (status != BH_OK) _exit(1);
    if (bh_malloc(made, 100) != nullptr || errno != ENOMEM) _exit(2);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

// The kernel tags all pages but this compartment's.
TEST(FakeSuccessTest, NoPageIsOpenedWithoutItsTag) {
  if (bh_get_level() != BH_LEVEL_PKU) return;
  for (const unsigned answer : {0, EPERM, ENOMEM}) {
    const auto child = RunInChild([answer] {
      bh_compartment made;
      if (bh_create("tricked", nullptr, &made) != BH_OK) _exit(1);
      const int key = FindMapping(bh_malloc(made, 100)).key;
      // The next one has the same key.
      if (key <= 0 || bh_destroy(made) != BH_OK) _exit(2);
      AnswerWhere(SYS_pkey_mprotect, 3, static_cast<unsigned>(key), answer);
      if (bh_create("tricked", nullptr, &made) != BH_OK) _exit(0);
      const void* block = bh_malloc(made, 100);
      if (block == nullptr) _exit(0);
      int ends[2];
      if (pipe(ends) != 0) _exit(3);
      _exit(write(ends[1], block, 1) == -1 && errno == EFAULT ? 0 : 77);
    });
    EXPECT_TRUE(child.ExitedWith(0)) << answer << child.code << child.errors;
  }
}

// A compartment whose pages stay as they were must not be followed by another.
TEST(FakeSuccessTest, PagesThatAreNotTakenBackEndTheProcess) {
  const auto child = RunInChild([] {
    bh_compartment made;
    if (bh_create("tricked", nullptr, &made) != BH_OK) _exit(1);
    if (bh_malloc(made, 100) == nullptr) _exit(2);
    Answer(SYS_mmap, 0);
    _exit(bh_destroy(made) == BH_OK ? 3 : 4);
  });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
}

// No filter, but as many mappings as the kernel allows: tagging pages of the
// reservation would make one more.
TEST(FakeSuccessTest, WithoutMappingsLeftNothingIsOpened) {
  const auto child = RunInChild([] {
    bh_compartment made;
    if (bh_create("tricked", nullptr, &made) != BH_OK) _exit(1);
    int ends[2];
    if (pipe(ends) != 0) _exit(2);
    int protection = PROT_NONE;
    // Neighbours that differ stay two mappings.
    while (mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED) {
      protection ^= PROT_READ;
    }
    size_t refused = 0;
    for (int i = 0; i < 100; ++i) {
      const void* const block = bh_malloc(made, 1 << 20);
      if (block == nullptr) {
        ++refused;
      } else if (write(ends[1], block, 1) != -1 || errno != EFAULT) {
        _exit(77);
      }
    }
    bh_compartment next;
    const bh_status status = bh_create("next", nullptr, &next);
    const void* const block = status == BH_OK ? bh_malloc(next, 100) : nullptr;
    if (block == nullptr) ++refused;
    if (block != nullptr && write(ends[1], block, 1) != -1) _exit(77);
    _exit(refused != 0 ? 0 : 3);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

TEST(FakeSuccessTest, NoMembarrierIsAnError) {
  EXPECT_EQ(CreateUnder(SYS_membarrier, ENOSYS), BH_ERR_KERNEL);
}

TEST(FakeSuccessTest, AnUnrelatedFilterHarmsNothing) {
  EXPECT_EQ(CreateUnder(SYS_ptrace, EPERM), BH_OK);
}

}  // namespace
