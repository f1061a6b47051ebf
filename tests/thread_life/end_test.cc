// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The last of a thread's life: destructors in every round, late frees,
// pthread_exit() and cancellation.

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
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
using bulkhead_test::Await;
using bulkhead_test::BusyThreads;
using bulkhead_test::RunThreads;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

std::atomic<int> well{0};

void* RunPassing(void*) {
  if (!AllocateInManyClasses()) abort();
  return nullptr;
}

// Threads that end one after the other, so that whatever a thread leaves when
// it ends finds an heir.
void PassOn(int threads) {
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, RunPassing, nullptr) != 0) abort();
    pthread_join(thread, nullptr);
  }
}

// A key whose destructor is called in every round that libc allows, after those
// of all keys made before it.
struct Late {
  pthread_key_t key;
  void (*act)(void* block);
  int rounds_left;
  void* block;
};

void DestroyLate(void* value) {
  auto* const late = static_cast<Late*>(value);
  if (--late->rounds_left > 0) {
    pthread_setspecific(late->key, late);
    AllocateInManyClasses();
    return;
  }
  late->act(late->block);
  delete late;
}

// Runs `count` threads that leave `block()` to `act` in their last round.
void EndLate(int count, void (*act)(void*), void* (*block)()) {
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, DestroyLate), 0);
  RunThreads(count, [=](int) {
    pthread_setspecific(
        key, new Late{key, act, PTHREAD_DESTRUCTOR_ITERATIONS, block()});
  });
  pthread_key_delete(key);
}

TEST(ThreadEnd, TheLastRoundFreesWhatTheThreadMade) {
  well = 0;
  const int threads = Scaled(100, 10);
  EndLate(
      threads,
      [](void* block) {
        if (IsFilled(block, 5000, 3)) ++well;
        free(block);
      },
      [] {
        void* const block = malloc(5000);
        Fill(block, 5000, 3);
        return block;
      });
  EXPECT_EQ(well, threads);
}

// Threads in their last round allocate while others end and begin: nobody may
// have inherited from one that still runs.
TEST(ThreadEnd, TheLastRoundAllocatesWhileOthersComeAndGo) {
  const Watchdog watchdog;
  well = 0;
  const BusyThreads creators(2, [] { PassOn(1); });
  const int threads = Scaled(40, 4);
  EndLate(
      threads,
      [](void*) {
        bool intact = true;
        for (int i = 0; i < 20; ++i) {
          void* const block = malloc(1000);
          Fill(block, 1000, 7);
          PassOn(2);
          intact =
              intact && AllocateInManyClasses() && IsFilled(block, 1000, 7);
          free(block);
        }
        if (intact) ++well;
      },
      []() -> void* { return nullptr; });
  EXPECT_EQ(well, threads);
}

// As above, with a C++ object whose destructor frees and allocates.
struct Owner {
  std::vector<std::unique_ptr<std::string>> strings;
  ~Owner() {
    const size_t count = strings.size();
    strings.clear();
    PassOn(2);
    if (count == 200 && AllocateInManyClasses()) ++well;
  }
};

TEST(ThreadEnd, ThreadLocalObjectsWhileOthersComeAndGo) {
  const Watchdog watchdog;
  well = 0;
  const BusyThreads creators(2, [] { PassOn(1); });
  const int threads = Scaled(200, 10);
  for (int i = 0; i < threads; ++i) {
    std::thread([] {
      thread_local Owner owner;
      for (size_t size = 0; size < 200; ++size) {
        owner.strings.push_back(std::make_unique<std::string>(size * 8, 'x'));
      }
    }).join();
  }
  EXPECT_EQ(well, threads);
}

// A thread-local object made by the destructor of another.
struct Successor {
  std::string text;
  ~Successor() {
    if (text == std::string(500, 'y') && AllocateInManyClasses()) ++well;
  }
};

struct Predecessor {
  bool used = false;
  ~Predecessor() {
    thread_local Successor successor;
    successor.text.assign(500, 'y');
  }
};

TEST(ThreadEnd, AThreadLocalObjectMadeByADestructor) {
  well = 0;
  for (int i = 0; i < 40; ++i) {
    std::thread([] {
      thread_local Predecessor predecessor;
      predecessor.used = true;
    }).join();
  }
  EXPECT_EQ(well, 40);
}

// A thread waits in a destructor while hundreds begin and end, then frees what
// it and they have made.
TEST(ThreadEnd, AThreadThatLingersInADestructor) {
  const Watchdog watchdog;
  static std::atomic<bool> lingers, may_go;
  static std::atomic<int> freed;
  lingers = false;
  may_go = false;
  freed = 0;
  pthread_key_t key;
  ASSERT_EQ(
      pthread_key_create(&key,
                         [](void* raw_blocks) {
                           auto* const blocks =
                               static_cast<std::vector<void*>*>(raw_blocks);
                           lingers = true;
                           while (!may_go) sched_yield();
                           for (void* const block : *blocks) {
                             if (IsFilled(block, 300, 1)) ++freed;
                             free(block);
                           }
                           delete blocks;
                           if (AllocateInManyClasses()) ++freed;
                         }),
      0);
  auto* const blocks = new std::vector<void*>;
  const auto add = [blocks] {
    void* const block = malloc(300);
    Fill(block, 300, 1);
    blocks->push_back(block);
  };
  std::thread lingerer([&] {
    for (int i = 0; i < 100; ++i) add();
    pthread_setspecific(key, blocks);
  });
  EXPECT_TRUE(Await([] { return lingers.load(); }));
  const int others = Scaled(300, 20);
  for (int i = 0; i < others; ++i) {
    std::thread([&] {
      add();
      if (!AllocateInManyClasses()) abort();
    }).join();
  }
  may_go = true;
  lingerer.join();
  EXPECT_EQ(freed, 100 + others + 1);
  pthread_key_delete(key);
}

void ExitFromDepth(int left) {
  const std::string local(1000, 'x');
  if (left > 0) {
    Hide (&ExitFromDepth)(left - 1);
  } else {
    pthread_exit(strdup(local.c_str()));
  }
}

// The frames' destructors free what they own as pthread_exit() unwinds.
TEST(ThreadEnd, PthreadExitFromDepth) {
  for (int i = 0; i < Scaled(200); ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, nullptr,
                  [](void*) -> void* {
                    ExitFromDepth(20);
                    return nullptr;
                  },
                  nullptr),
              0);
    void* text = nullptr;
    ASSERT_EQ(pthread_join(thread, &text), 0);
    ASSERT_EQ(strlen(static_cast<char*>(text)), 1000u);
    free(text);
  }
}

struct Counted {
  static std::atomic<int> live;
  void* const block = malloc(2000);
  Counted() { ++live; }
  ~Counted() {
    free(block);
    --live;
  }
};
std::atomic<int> Counted::live{0};

// Deferred: the thread is cancelled where it says that it may be, between its
// calls of malloc and free.
void* AllocateUntilCancelled(void* running) {
  const Counted counted;
  static_cast<std::atomic<int>*>(running)->fetch_add(1);
  for (;;) {
    const Counted passing;
    if (!AllocateInManyClasses()) abort();
    pthread_testcancel();
  }
}

TEST(ThreadEnd, Cancellation) {
  const Watchdog watchdog;
  constexpr int kAtOnce = 4;
  for (int round = 0; round < Scaled(100); ++round) {
    std::atomic<int> running{0};
    pthread_t threads[kAtOnce];
    for (pthread_t& thread : threads) {
      ASSERT_EQ(
          pthread_create(&thread, nullptr, AllocateUntilCancelled, &running),
          0);
    }
    ASSERT_TRUE(Await([&] { return running == kAtOnce; }));
    for (const pthread_t thread : threads) pthread_cancel(thread);
    for (const pthread_t thread : threads) {
      void* result = nullptr;
      ASSERT_EQ(pthread_join(thread, &result), 0);
      EXPECT_EQ(result, PTHREAD_CANCELED);
    }
    EXPECT_EQ(Counted::live, 0);
  }
}

}  // namespace
}  // namespace bulkhead
