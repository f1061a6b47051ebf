// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// fork() from any thread while others allocate and use stdio: each child is a
// process that works.

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Await;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

// After this a child is stuck, however slow the machine.
constexpr unsigned kChildSeconds = 60;

// What a child does with its heap and with stdio: a stream of its own that
// allocates a buffer, and a line that outgrows the one it is given.
bool WriteAndReadALine(int number) {
  FILE* const stream = tmpfile();
  if (stream == nullptr) return false;
  fprintf(stream, "child %d %s\n", number, std::string(3000, 'x').c_str());
  rewind(stream);
  char* line = static_cast<char*>(malloc(1));
  size_t capacity = 1;
  const ssize_t length = getline(&line, &capacity, stream);
  const bool same = length > 3000 && atoi(line + strlen("child ")) == number;
  free(line);
  return fclose(stream) == 0 && same;
}

// The child's side: never returns.
[[noreturn]] void LiveAsChild(int number, int output) {
  alarm(kChildSeconds);
  bool well = AllocateInManyClasses() && WriteAndReadALine(number);
  FILE* const stream = fdopen(output, "w");
  well = well && stream != nullptr;
  if (well) well = fprintf(stream, "child %d is well\n", number) > 0;
  if (well) well = fclose(stream) == 0;
  // Not exit(): the streams of threads that do not exist here are half done.
  _exit(well ? 40 + number % 3 : EXIT_FAILURE);
}

// What went wrong with child `number`; empty when nothing did.
std::string ForkOne(int number) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    LiveAsChild(number, ends[1]);
  }
  close(ends[1]);
  std::string said;
  char buffer[100];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    said.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) return "no child";
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 40 + number % 3) {
    return "wait status " + std::to_string(status);
  }
  if (said != "child " + std::to_string(number) + " is well\n") {
    return "it said: " + said;
  }
  return "";
}

// Reads one long line again and again with getline(), whose buffer grows.
void ReadALongLine() {
  using Stream = std::unique_ptr<FILE, int (*)(FILE*)>;
  constexpr int kLength = 1 << 16;
  thread_local const Stream stream = [] {
    Stream made(tmpfile(), fclose);
    if (made != nullptr) fputs(std::string(kLength, 'x').c_str(), made.get());
    return made;
  }();
  if (stream == nullptr) abort();
  rewind(stream.get());
  char* line = nullptr;
  size_t capacity = 0;
  if (getline(&line, &capacity, stream.get()) != kLength) abort();
  free(line);
}

void Allocate() {
  if (!AllocateInManyClasses()) abort();
}

TEST(ForkUnderLoad, AThousandChildrenOfAnyThread) {
  const Watchdog watchdog;
  const BusyThreads allocators(2, Allocate);
  const BusyThreads reader(1, ReadALongLine);
  // Yields, or nobody else gets the list of streams.
  const BusyThreads flusher(1, [] {
    fflush(nullptr);
    sched_yield();
  });
  constexpr int kForkers = 3;
  const int each = Scaled(1000) / (kForkers + 1);
  std::atomic<int> well{0};
  RunThreads(kForkers, [&](int forker) {
    for (int i = 0; i < each; ++i) {
      const int number = forker * each + i;
      const std::string wrong = ForkOne(number);
      if (wrong.empty()) {
        ++well;
      } else {
        ADD_FAILURE() << "child " << number << ": " << wrong;
      }
    }
  });
  for (int number = 0; number < each; ++number) {
    EXPECT_EQ(ForkOne(number), "") << "child " << number << " of the first";
  }
  EXPECT_EQ(well, kForkers * each);
}

// A child that goes by exit() runs the program's exit handlers and flushes
// streams; what other threads held of the heap must not be in the way.
TEST(ForkUnderLoad, ChildrenThatGoByExit) {
  const Watchdog watchdog;
  const BusyThreads allocators(3, Allocate);
  for (int i = 0; i < Scaled(200); ++i) {
    const int status = RunInChild(
        [] {
          // GoogleTest's own output is the parent's to write.
          if (freopen("/dev/null", "w", stdout) == nullptr) return 1;
          atexit([] {
            if (!AllocateInManyClasses()) _exit(2);
          });
          printf("something in a buffer");
          exit(7);
        },
        kChildSeconds);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7)
        << "fork number " << i << ", wait status " << status;
  }
}

// Each generation has the heap that the one before had changed.
TEST(ForkUnderLoad, TenGenerations) {
  const Watchdog watchdog;
  const BusyThreads allocators(2, Allocate);
  char* const text = strdup("first");
  constexpr int kGenerations = 10;
  const pid_t first = fork();
  if (first == 0) {
    alarm(kChildSeconds);
    char* inherited = text;
    for (int generation = 1;; ++generation) {
      free(inherited);
      inherited = strdup(std::string(100, 'a' + generation).c_str());
      const BusyThreads one(1, Allocate);
      if (generation == kGenerations) break;
      const pid_t next = fork();
      if (next == 0) {
        alarm(kChildSeconds);
        if (inherited[99] != 'a' + generation) _exit(1);
        continue;
      }
      int status = -1;
      if (next < 0 || waitpid(next, &status, 0) != next) _exit(2);
      _exit(status == kExitedWell && AllocateInManyClasses() ? 0 : 3);
    }
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(first, &status, 0), first);
  EXPECT_EQ(status, kExitedWell);
  EXPECT_STREQ(text, "first");
  free(text);
}

// Threads come and go while a process forks: one may be half made, or half
// gone, in the child's copy of the heap.
TEST(ForkUnderLoad, WhileThreadsComeAndGo) {
  const Watchdog watchdog;
  const BusyThreads creators(2, [] { std::thread(Allocate).join(); });
  for (int number = 0; number < Scaled(200); ++number) {
    const int status = RunInChild(
        [] {
          std::atomic<int> failed{0};
          RunThreads(3,
                     [&](int) { failed += AllocateInManyClasses() ? 0 : 1; });
          return failed.load();
        },
        kChildSeconds);
    ASSERT_EQ(status, kExitedWell) << "fork number " << number;
  }
}

}  // namespace
}  // namespace bulkhead
