// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The family at the edges of a thread's and a process's life: before main(), in
// destructors of threads, at exit.

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

constexpr size_t kEarlySize = 5000;
constexpr uint32_t kEarlySeed = 99;

// Zero-initialised, so that no constructor overwrites what these hold.
void* g_from_preinit;
void* g_from_first_constructor;

void* AllocateEarly() {
  for (size_t size = 0; size < 3000; size += 100) free(malloc(size));
  void* const p = malloc(kEarlySize);
  if (p != nullptr) Fill(p, kEarlySize, kEarlySeed);
  return p;
}

void Preinit() {
  void* const p = malloc(kEarlySize);
  auto* const bytes = static_cast<unsigned char*>(p);
  for (size_t i = 0; i < kEarlySize; ++i) bytes[i] = 0x5a;
  g_from_preinit = p;
}

// Runs before the constructor of any shared object, preloaded ones included.
__attribute__((section(".preinit_array"),
               used)) void (*const g_preinit)() = Preinit;

__attribute__((constructor(101))) void FirstConstructor() {
  g_from_first_constructor = AllocateEarly();
}

TEST(BeforeMain, APreinitFunctionAllocates) {
  ASSERT_NE(g_from_preinit, nullptr);
  const auto* const bytes = static_cast<const unsigned char*>(g_from_preinit);
  for (size_t i = 0; i < kEarlySize; ++i) ASSERT_EQ(bytes[i], 0x5a);
  free(g_from_preinit);
  g_from_preinit = nullptr;
}

TEST(BeforeMain, AConstructorAllocates) {
  ASSERT_NE(g_from_first_constructor, nullptr);
  EXPECT_TRUE(IsFilled(g_from_first_constructor, kEarlySize, kEarlySeed));
  free(g_from_first_constructor);
  g_from_first_constructor = nullptr;
}

std::atomic<int> g_rounds_run{0};
std::atomic<int> g_blocks_spoilt{0};
pthread_key_t g_key;

struct KeyValue {
  int rounds_left;
  void* block;
};

// Sets its key again for as long as the C library will call it, so that the
// last round runs after every other clean-up of the thread.
void DestroyKeyValue(void* value) {
  auto* const old = static_cast<KeyValue*>(value);
  if (!IsFilled(old->block, 700, 5)) ++g_blocks_spoilt;
  ++g_rounds_run;
  if (old->rounds_left > 0) {
    auto* const next =
        new KeyValue{old->rounds_left - 1, realloc(malloc(10), 700)};
    Fill(next->block, 700, 5);
    pthread_setspecific(g_key, next);
  }
  free(old->block);
  delete old;
  for (const size_t size : {16, 3000, 100000}) free(calloc(1, size));
}

TEST(ThreadExit, KeyDestructorsAllocateAndFreeInEveryRound) {
  ASSERT_EQ(pthread_key_create(&g_key, DestroyKeyValue), 0);
  constexpr int kThreads = 40;
  for (int i = 0; i < kThreads; ++i) {
    std::thread([] {
      auto* const value =
          new KeyValue{PTHREAD_DESTRUCTOR_ITERATIONS - 1, malloc(700)};
      Fill(value->block, 700, 5);
      pthread_setspecific(g_key, value);
    }).join();
  }
  EXPECT_EQ(g_rounds_run, kThreads * PTHREAD_DESTRUCTOR_ITERATIONS);
  EXPECT_EQ(g_blocks_spoilt, 0);
  pthread_key_delete(g_key);
}

// A thread that allocates nothing itself, so that its destructor is the first
// of its calls into the allocator.
TEST(ThreadExit, AKeyDestructorMayBeTheFirstToAllocate) {
  static std::atomic<int> served{0};
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key,
                               [](void*) {
                                 void* const p = malloc(100);
                                 if (p != nullptr) ++served;
                                 free(p);
                               }),
            0);
  for (int i = 0; i < 20; ++i) {
    std::thread([key] { pthread_setspecific(key, &served); }).join();
  }
  EXPECT_EQ(served, 20);
  pthread_key_delete(key);
}

struct ThreadLocal {
  std::vector<std::unique_ptr<std::string>> strings;
  void Use() {
    for (size_t i = 0; i < 100; ++i) {
      strings.push_back(std::make_unique<std::string>(i * 10, 'x'));
    }
  }
  ~ThreadLocal() {
    std::string joined;
    for (const auto& string : strings) joined += *string;
    if (joined.size() == 49500) ++destroyed;
  }
  static std::atomic<int> destroyed;
};
std::atomic<int> ThreadLocal::destroyed{0};

TEST(ThreadExit, ThreadLocalObjectsAllocateAndFreeWhenDestroyed) {
  for (int i = 0; i < 40; ++i) {
    std::thread([] {
      static thread_local ThreadLocal local;
      local.Use();
    }).join();
  }
  EXPECT_EQ(ThreadLocal::destroyed, 40);
}

TEST(ThreadExit, ADetachedThreadFreesAfterItsMakerHasGone) {
  static std::atomic<bool> done{false};
  std::thread([] {
    void* const p = malloc(1000);
    Fill(p, 1000, 8);
    std::thread([p] {
      if (IsFilled(p, 1000, 8)) {
        free(p);
        done = true;
      }
    }).detach();
  }).join();
  // Bounded by the test's own time limit.
  while (!done) std::this_thread::yield();
}

TEST(ThreadExit, PthreadExitHandsOverABlock) {
  for (int i = 0; i < 40; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, nullptr,
                  [](void*) -> void* {
                    const std::string some(500, 'x');
                    pthread_exit(strdup(some.c_str()));
                  },
                  nullptr),
              0);
    void* text = nullptr;
    ASSERT_EQ(pthread_join(thread, &text), 0);
    EXPECT_EQ(std::string(static_cast<char*>(text)), std::string(500, 'x'));
    free(text);
  }
}

// Each handler proves by one byte in the pipe that it ran to its end.
int g_pipe = -1;

void ReportFromHandler() {
  std::vector<std::string> strings;
  for (size_t i = 0; i < 1000; ++i) strings.emplace_back(i, 'y');
  void* p = malloc(10);
  p = realloc(p, 3 * kMiB);
  Fill(p, 3 * kMiB, 1);
  free(p);
  if (write(g_pipe, "+", 1) != 1) abort();
}

struct ReportsWhenDestroyed {
  std::unique_ptr<std::string> text;
  ~ReportsWhenDestroyed() {
    if (text != nullptr) ReportFromHandler();
  }
};

std::string CollectFromChild(const std::function<void()>& leave, int* status) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  *status = RunInChild([&] {
    close(ends[0]);
    g_pipe = ends[1];
    // The parent's test program must not report from here as well.
    if (freopen("/dev/null", "w", stdout) == nullptr) return 1;
    leave();
    return 1;
  });
  close(ends[1]);
  std::string collected;
  char byte;
  while (read(ends[0], &byte, 1) == 1) collected += byte;
  close(ends[0]);
  return collected;
}

TEST(ProcessExit, AtexitHandlersAndStaticDestructorsAllocate) {
  int status = -1;
  const std::string reports = CollectFromChild(
      [] {
        static ReportsWhenDestroyed first{std::make_unique<std::string>("a")};
        atexit(ReportFromHandler);
        on_exit(
            [](int, void* p) {
              free(p);
              ReportFromHandler();
            },
            malloc(1000));
        exit(0);
      },
      &status);
  EXPECT_EQ(status, kExitedWell);
  EXPECT_EQ(reports, "+++");
}

TEST(ProcessExit, AtexitHandlersAllocateWhileThreadsStillRun) {
  int status = -1;
  const std::string reports = CollectFromChild(
      [] {
        for (int i = 0; i < 4; ++i) {
          std::thread([] {
            for (size_t size = 0;; size = (size + 77) % 5000) {
              free(Hide(malloc(size)));
            }
          }).detach();
        }
        atexit(ReportFromHandler);
        exit(0);
      },
      &status);
  EXPECT_EQ(status, kExitedWell);
  EXPECT_EQ(reports, "+");
}

TEST(ProcessExit, QuickExitHandlersAllocate) {
  int status = -1;
  const std::string reports = CollectFromChild(
      [] {
        at_quick_exit(ReportFromHandler);
        quick_exit(0);
      },
      &status);
  EXPECT_EQ(status, kExitedWell);
  EXPECT_EQ(reports, "+");
}

TEST(ProcessExit, FromAThread) {
  int status = -1;
  const std::string reports = CollectFromChild(
      [] {
        atexit(ReportFromHandler);
        std::thread([] { exit(0); }).join();
      },
      &status);
  EXPECT_EQ(status, kExitedWell);
  EXPECT_EQ(reports, "+");
}

}  // namespace
}  // namespace bulkhead
