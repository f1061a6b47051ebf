// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The last of a process's life: exit handlers, static and thread-local
// destructors, while other threads still allocate.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/support/busy_threads.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Scaled;

// How many of a child's last acts went well, as its exit status tells.
int last_acts = 0;

void Act() {
  if (AllocateInManyClasses()) ++last_acts;
}

// Owns what it frees when it is destroyed, and allocates then.
struct Last {
  std::vector<std::unique_ptr<std::string>> strings;
  void Use() {
    for (size_t i = 0; i < 100; ++i) {
      strings.push_back(std::make_unique<std::string>(i * 40, 'x'));
    }
  }
  ~Last() {
    if (!strings.empty() && strings.back()->size() == 99 * 40) Act();
  }
};

// The exit status of a child that does `live` and goes by exit(): the number
// of last acts, told by a handler that was registered first and so runs last.
int LastActs(const std::function<void()>& live) {
  const int status = RunInChild(
      [&] {
        if (freopen("/dev/null", "w", stdout) == nullptr) return 100;
        last_acts = 0;
        atexit([] { _exit(last_acts); });
        live();
        exit(100);
      },
      60);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

TEST(ProcessEnd, StaticAndThreadLocalObjectsAndHandlers) {
  for (int i = 0; i < Scaled(20); ++i) {
    EXPECT_EQ(LastActs([] {
                static Last made_late;
                made_late.Use();
                thread_local Last of_the_first_thread;
                of_the_first_thread.Use();
                atexit(Act);
              }),
              3);
  }
}

// A handler registers another one, which runs next.
TEST(ProcessEnd, HandlersOfHandlers) {
  EXPECT_EQ(LastActs([] {
              atexit([] {
                Act();
                atexit([] {
                  Act();
                  static Last last;
                  last.Use();
                });
              });
            }),
            3);
}

TEST(ProcessEnd, WhileOtherThreadsAllocateAndComeAndGo) {
  for (int i = 0; i < Scaled(40, 4); ++i) {
    EXPECT_EQ(LastActs([] {
                for (int thread = 0; thread < 2; ++thread) {
                  std::thread([] {
                    for (;;) AllocateInManyClasses();
                  }).detach();
                }
                std::thread([] {
                  for (;;) std::thread(AllocateInManyClasses).join();
                }).detach();
                atexit(Act);
              }),
              1);
  }
}

TEST(ProcessEnd, ByExitOfAnotherThread) {
  for (int i = 0; i < Scaled(40, 4); ++i) {
    EXPECT_EQ(LastActs([] {
                atexit(Act);
                std::thread([] {
                  thread_local Last of_the_exiting_thread;
                  of_the_exiting_thread.Use();
                  exit(100);
                }).join();
              }),
              2);
  }
}

// A process's first thread is the one that forked it. Not one of GoogleTest's:
// pthread_exit() unwinds, and GoogleTest catches what passes by.
void* ForkAndLeaveByTheLastThread(void* acts) {
  *static_cast<int*>(acts) = LastActs([] {
    atexit(Act);
    static pthread_t first;
    first = pthread_self();
    pthread_t last;
    const auto outlive = [](void*) -> void* {
      if (pthread_join(first, nullptr) == 0) Act();
      Act();
      return nullptr;
    };
    if (pthread_create(&last, nullptr, outlive, nullptr) != 0) _exit(100);
    pthread_detach(last);
    pthread_exit(nullptr);
  });
  return nullptr;
}

TEST(ProcessEnd, ByTheLastThreadAfterTheFirst) {
  int acts = -1;
  pthread_t thread;
  ASSERT_EQ(
      pthread_create(&thread, nullptr, ForkAndLeaveByTheLastThread, &acts), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  EXPECT_EQ(acts, 3);
}

}  // namespace
}  // namespace bulkhead
