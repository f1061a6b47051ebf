// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Programs started under load by vfork() and exec, and by posix_spawn().

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr char kAnswerFlag[] = "--answer";
constexpr int kAnswer = 77;

// The program started is this one. With the flag it allocates and leaves
// before main().
__attribute__((constructor)) void AnswerAsChild(int argc, char** argv) {
  if (argc != 2 || strcmp(argv[1], kAnswerFlag) != 0) return;
  _exit(AllocateInManyClasses() ? kAnswer : EXIT_FAILURE);
}

bool Answered(pid_t child) {
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child &&
         WIFEXITED(status) && WEXITSTATUS(status) == kAnswer;
}

char program_name[] = "child";
char answer_flag[sizeof(kAnswerFlag)] = "--answer";
char* const arguments[] = {program_name, answer_flag, nullptr};

// Nothing may be changed between vfork() and exec: the child runs in its
// parent's memory.
__attribute__((noinline)) pid_t StartByVfork() {
  const pid_t child = vfork();
  if (child == 0) {
    execv("/proc/self/exe", arguments);
    _exit(EXIT_FAILURE);
  }
  return child;
}

pid_t StartBySpawn() {
  pid_t child = -1;
  return posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments,
                     environ) == 0
             ? child
             : -1;
}

// Starts 200 programs, half of them from the first thread.
void StartUnderLoad(pid_t (*start)()) {
  const Watchdog watchdog;
  const BusyThreads busy(3, [] {
    if (!AllocateInManyClasses()) abort();
  });
  const int count = Scaled(200);
  std::atomic<int> answered{0};
  RunThreads(2, [&](int) {
    for (int i = 0; i < count / 4; ++i) answered += Answered(start()) ? 1 : 0;
  });
  EXPECT_EQ(answered, 2 * (count / 4));
  for (int i = 0; i < count / 2; ++i) {
    ASSERT_TRUE(Answered(start())) << "start number " << i;
  }
  EXPECT_TRUE(AllocateInManyClasses());
}

TEST(StartUnderLoad, ByVforkAndExec) { StartUnderLoad(StartByVfork); }

TEST(StartUnderLoad, ByPosixSpawn) { StartUnderLoad(StartBySpawn); }

// A failed exec leaves the parent as it was.
TEST(StartUnderLoad, AFailedExecAfterVfork) {
  const Watchdog watchdog;
  for (int i = 0; i < Scaled(200); ++i) {
    const pid_t child = vfork();
    if (child == 0) {
      execl("/nonexistent", "nonexistent", static_cast<char*>(nullptr));
      _exit(kAnswer);
    }
    ASSERT_TRUE(Answered(child));
    ASSERT_TRUE(AllocateInManyClasses());
  }
}

TEST(StartUnderLoad, BySystem) {
  const Watchdog watchdog;
  const BusyThreads busy(2, [] {
    if (!AllocateInManyClasses()) abort();
  });
  // Without a shell on this machine there is still a child, which says so.
  for (int i = 0; i < Scaled(40); ++i) {
    const int status = system("exit 5");
    ASSERT_TRUE(WIFEXITED(status)) << status;
    ASSERT_EQ(WEXITSTATUS(status), access("/bin/sh", X_OK) == 0 ? 5 : 127);
  }
}

}  // namespace
}  // namespace bulkhead
