// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Filters on system calls that refuse, or answer "done" and do nothing: what
// was not protected must not be accessible.

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using bulkhead_test::RunInChild;

// Makes `number` succeed without effect, or fail with `error`, from here on.
void Answer(int number, unsigned error) {
  sock_filter filter[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<unsigned>(number)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(98);
  }
}

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

TEST(FakeSuccessTest, NoMembarrierIsAnError) {
  EXPECT_EQ(CreateUnder(SYS_membarrier, ENOSYS), BH_ERR_KERNEL);
}

TEST(FakeSuccessTest, AnUnrelatedFilterHarmsNothing) {
  EXPECT_EQ(CreateUnder(SYS_ptrace, EPERM), BH_OK);
}

}  // namespace
