// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The family across fork(): the child inherits one thread, every lock and every
// block.

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

int AllocateAndCheck() {
  std::vector<void*> blocks;
  const std::vector<size_t> sizes = InterestingSizes(256 * 1024);
  for (const size_t size : sizes) {
    blocks.push_back(malloc(size));
    if (blocks.back() == nullptr) return 1;
    Fill(blocks.back(), size, static_cast<uint32_t>(size));
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (!IsFilled(blocks[i], sizes[i], static_cast<uint32_t>(sizes[i]))) {
      return 2;
    }
    free(blocks[i]);
  }
  return 0;
}

TEST(Fork, TheChildAllocates) {
  EXPECT_EQ(RunInChild(AllocateAndCheck), kExitedWell);
  EXPECT_EQ(AllocateAndCheck(), 0);
}

TEST(Fork, TheChildsChildAllocates) {
  EXPECT_EQ(RunInChild([] {
              if (AllocateAndCheck() != 0) return 1;
              return RunInChild(AllocateAndCheck) == kExitedWell ? 0 : 2;
            }),
            kExitedWell);
}

TEST(Fork, TheChildFreesAndGrowsItsParentsBlocks) {
  std::vector<void*> blocks;
  for (uint32_t i = 0; i < 1000; ++i) {
    blocks.push_back(malloc(i * 13));
    Fill(blocks.back(), i * 13, i);
  }
  EXPECT_EQ(RunInChild([&] {
              for (uint32_t i = 0; i < 1000; ++i) {
                if (!IsFilled(blocks[i], i * 13, i)) return 1;
                if (i % 2 == 0) {
                  free(blocks[i]);
                } else {
                  void* const p = realloc(blocks[i], i * 26 + 1);
                  if (!IsFilled(p, i * 13, i)) return 2;
                  free(p);
                }
              }
              return AllocateAndCheck();
            }),
            kExitedWell);
  // What the child did to its copy is not seen here.
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_TRUE(IsFilled(blocks[i], i * 13, i));
    free(blocks[i]);
  }
}

TEST(Fork, TheChildStartsThreads) {
  EXPECT_EQ(
      RunInChild([] {
        std::atomic<int> failed{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
          threads.emplace_back([&failed] { failed += AllocateAndCheck(); });
        }
        for (std::thread& thread : threads) thread.join();
        return failed.load();
      }),
      kExitedWell);
}

// Threads that do `work` over and over until the object goes.
class BusyThreads {
 public:
  BusyThreads(int count, const std::function<void()>& work) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, work] {
        while (!stop_) work();
      });
    }
  }
  ~BusyThreads() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST(Fork, WhileOtherThreadsAllocate) {
  BusyThreads busy(4, [] {
    std::vector<void*> blocks;
    for (size_t size = 1; size < 40000; size += size / 4 + 1) {
      blocks.push_back(malloc(size));
    }
    for (void* const p : blocks) free(p);
  });
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(RunInChild(
                  [] {
                    for (size_t size = 1; size < 40000; size += size / 4 + 1) {
                      free(Hide(malloc(size)));
                    }
                    return 0;
                  },
                  60),
              kExitedWell)
        << "fork number " << i;
  }
}

using Stream = std::unique_ptr<FILE, int (*)(FILE*)>;

// A stream of one line, so long that getline() grows its buffer many times.
Stream LongLine() {
  Stream stream(tmpfile(), fclose);
  if (stream != nullptr) {
    fputs(std::string(size_t{1} << 18, 'x').c_str(), stream.get());
  }
  return stream;
}

// stdio allocates with a stream's lock held, and fork takes the streams' locks:
// an allocator that takes its own locks first deadlocks here.
TEST(Fork, WhileOtherThreadsReadAndFlushStreams) {
  BusyThreads readers(2, [] {
    // Opening and closing would wait for the flusher most of the time.
    thread_local const Stream stream = LongLine();
    if (stream == nullptr) return;
    rewind(stream.get());
    char* line = nullptr;
    size_t capacity = 0;
    EXPECT_EQ(getline(&line, &capacity, stream.get()), 1 << 18);
    free(line);
  });
  // The lock of libc's streams is not fair: with many processors, one who
  // flushes without end may keep a fork, glibc's own too, waiting without end.
  constexpr int kFlushesInAFork = 100;
  std::atomic<int> forks{0};
  BusyThreads flusher(1, [&] {
    thread_local int fork_number = 0;
    thread_local int flushes = 0;
    if (fork_number != forks) {
      fork_number = forks;
      flushes = 0;
    }
    if (flushes == kFlushesInAFork) {
      sched_yield();
      return;
    }
    ++flushes;
    fflush(nullptr);
  });
  for (; forks < 10; ++forks) {
    EXPECT_EQ(RunInChild([] { return free(Hide(malloc(100))), 0; }, 60),
              kExitedWell)
        << "fork number " << forks;
  }
}

// Returns when the thread sleeps in the kernel, as it does for a lock. Uses no
// stream: somebody holds their list.
void AwaitSleep(const std::atomic<int>& tid) {
  while (tid == 0) sched_yield();
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid.load());
  for (char state = 0; state != 'S'; sched_yield()) {
    char text[256] = {};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (read(file, text, sizeof(text) - 1) <= 0) abort();
    close(file);
    const char* name_end = strrchr(text, ')');
    if (name_end != nullptr) state = name_end[2];
  }
}

// One order of events of the test above, made certain: a thread that holds a
// stream allocates while fork() waits for the list of streams, which a flush
// holds that waits for the stream. Ends by SIGALRM where fork() took the heap's
// locks first.
TEST(Fork, WaitsForStreamsBeforeItTakesTheHeap) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    FILE* stream = tmpfile();
    fputs("text", stream);
    flockfile(stream);
    std::atomic<int> flusher_tid{0}, forker_tid{0};
    std::thread flusher([&] {
      flusher_tid = gettid();
      fflush(nullptr);
    });
    AwaitSleep(flusher_tid);
    std::thread forker([&] {
      forker_tid = gettid();
      const pid_t grandchild = fork();
      if (grandchild == 0) _exit(0);
      waitpid(grandchild, nullptr, 0);
    });
    AwaitSleep(forker_tid);
    for (size_t size = 16; size < 100000; size *= 2) {
      void* block = malloc(size);
      Fill(block, size, 1);
      free(block);
    }
    funlockfile(stream);
    flusher.join();
    forker.join();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Fork, FromAThreadThatIsNotTheFirst) {
  int status = -1;
  std::thread([&status] { status = RunInChild(AllocateAndCheck); }).join();
  EXPECT_EQ(status, kExitedWell);
}

TEST(Fork, FromManyThreadsAtOnce) {
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&failed] {
      for (int round = 0; round < 5; ++round) {
        if (RunInChild([] { return free(Hide(malloc(100))), 0; }) !=
            kExitedWell) {
          ++failed;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

TEST(Vfork, SpawnedProgramsStartOnTheSameAllocator) {
  std::string allocator =
      std::string("--allocator=") + (OnBulkhead() ? "linked" : "glibc");
  std::string program = "family";
  std::string filter = "--gtest_filter=Malloc.ZeroBytesAreUniqueAndFreeable";
  std::string quiet = "--gtest_brief=1";
  char* const argv[] = {program.data(), allocator.data(), filter.data(),
                        quiet.data(), nullptr};
  // The test runner's own report file stays this process's.
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (text.rfind("XML_OUTPUT_FILE=", 0) != 0 &&
        text.rfind("TEST_PREMATURE_EXIT_FILE=", 0) != 0) {
      environment.push_back(*variable);
    }
  }
  environment.push_back(nullptr);
  pid_t child = -1;
  ASSERT_EQ(posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv,
                        environment.data()),
            0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, kExitedWell);
}

}  // namespace
}  // namespace bulkhead
