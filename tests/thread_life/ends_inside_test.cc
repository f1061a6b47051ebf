// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that end inside a compartment, by pthread_exit() or cancelled: what
// unwinds runs in the domain of its frame, nothing stays open, and nothing of
// the compartment stays in use.

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/mappings.h"
#include "tests/support/scale.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::AllMappings;
using bulkhead_test::Await;
using bulkhead_test::RunInChild;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

// In which domains the witnesses of the last thread were destroyed, in order.
uint32_t destroyed_in[16];
std::atomic<int> destroyed{0};

// On the stack of a frame that is unwound: owns a block of its domain's heap.
class Witness {
 public:
  Witness() : block_(static_cast<char*>(malloc(100))) { block_[0] = 1; }
  ~Witness() {
    if (block_[0] != 1) abort();
    free(block_);
    free(malloc(3000));
    destroyed_in[destroyed++] = bh_current().id;
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  char* const block_;
};

const Compartment* outer = nullptr;
const Compartment* inner = nullptr;

void Stay() {}
BULKHEAD_ENTRY(kVisitOuter, "outer", Stay);
BULKHEAD_ENTRY(kVisitInner, "inner", Stay);

void Exit() {
  const Witness witness;
  pthread_exit(reinterpret_cast<void*>(uintptr_t{77}));
}
BULKHEAD_ENTRY(kExit, "inner", Exit);

uint64_t ExitInC() { pthread_exit(reinterpret_cast<void*>(uintptr_t{77})); }
BULKHEAD_GATE(kExitInC, "inner", ExitInC);

void ExitBelow() {
  const Witness witness;
  inner->Call(kExit).IgnoreError();
}
BULKHEAD_ENTRY(kExitBelow, "outer", ExitBelow);

// Calls itself back, deeper and deeper, then leaves.
void ExitFromDepth(int depth) {
  const Witness witness;
  if (depth == 0) pthread_exit(reinterpret_cast<void*>(uintptr_t{77}));
  extern void CallDeeper(int depth);
  CallDeeper(depth - 1);
}
BULKHEAD_ENTRY(kExitFromDepth, "outer", ExitFromDepth);
void CallDeeper(int depth) { outer->Call(kExitFromDepth, depth).IgnoreError(); }

void CancelPoint() {
  const Witness witness;
  for (;;) pthread_testcancel();
}
BULKHEAD_ENTRY(kCancelPoint, "inner", CancelPoint);

int ends[2];
std::atomic<int> about_to_wait{0};

// As careful programs wait.
void WaitForAByte() {
  const Witness witness;
  char byte;
  ++about_to_wait;
  while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;
}
BULKHEAD_ENTRY(kWaitForAByte, "inner", WaitForAByte);

// Others give up.
int WaitOnce() {
  char byte;
  ++about_to_wait;
  return read(ends[0], &byte, 1) < 0 ? errno : 0;
}
BULKHEAD_ENTRY(kWaitOnce, "inner", WaitOnce);

void ExitInScope() {
  const Witness witness;
  pthread_exit(reinterpret_cast<void*>(uintptr_t{77}));
}

class EndsInside : public testing::Test {
 protected:
  void SetUp() override {
    bh_options options = {};
    options.scopes = BH_ON;
    outer_ = Compartment::Create("outer", options).value();
    inner_ = Compartment::Create("inner").value();
    outer = &outer_;
    inner = &inner_;
  }

  // The compartments can be entered, and then destroyed.
  void TearDown() override {
    for (int i = 0; i < 3; ++i) {
      std::thread([this] {
        EXPECT_EQ(outer_.Call(kVisitOuter), absl::OkStatus());
        EXPECT_EQ(inner_.Call(kVisitInner), absl::OkStatus());
      }).join();
    }
    EXPECT_EQ(outer_.Destroy(), absl::OkStatus());
    EXPECT_EQ(inner_.Destroy(), absl::OkStatus());
  }

  // Runs `body` in a thread that it does not return from; what the thread's
  // join says.
  static void* Run(const std::function<void()>& body,
                   const std::function<void(pthread_t)>& meanwhile = {}) {
    destroyed = 0;
    pthread_t thread;
    const auto run = [](void* raw_body) -> void* {
      const Witness witness;
      (*static_cast<const std::function<void()>*>(raw_body))();
      ADD_FAILURE() << "it came back";
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, run,
                       const_cast<std::function<void()>*>(&body)) != 0) {
      abort();
    }
    if (meanwhile) meanwhile(thread);
    void* result = nullptr;
    pthread_join(thread, &result);
    return result;
  }

  static void ExpectDestroyedIn(const std::vector<uint32_t>& domains) {
    EXPECT_EQ(std::vector<uint32_t>(destroyed_in, destroyed_in + destroyed),
              domains);
  }

  Compartment outer_{bh_compartment{0, 0}};
  Compartment inner_{bh_compartment{0, 0}};
};

const auto kLeft = reinterpret_cast<void*>(uintptr_t{77});

TEST_F(EndsInside, ByPthreadExit) {
  EXPECT_EQ(Run([] { inner->Call(kExit).IgnoreError(); }), kLeft);
  ExpectDestroyedIn({inner_.handle().id, 0});
}

TEST_F(EndsInside, ByPthreadExitInAnEntryInC) {
  EXPECT_EQ(Run([] { bh_call(inner->handle(), &kExitInC, 0, 0, 0, 0, 0, 0); }),
            kLeft);
  ExpectDestroyedIn({0});
}

TEST_F(EndsInside, WithAnotherBetween) {
  EXPECT_EQ(Run([] { outer->Call(kExitBelow).IgnoreError(); }), kLeft);
  ExpectDestroyedIn({inner_.handle().id, outer_.handle().id, 0});
}

TEST_F(EndsInside, FromDepth) {
  EXPECT_EQ(Run([] { outer->Call(kExitFromDepth, 5).IgnoreError(); }), kLeft);
  const uint32_t id = outer_.handle().id;
  ExpectDestroyedIn({id, id, id, id, id, id, 0});
}

TEST_F(EndsInside, InAScope) {
  EXPECT_EQ(Run([] { outer->WithScope([] { ExitInScope(); }).IgnoreError(); }),
            kLeft);
  ExpectDestroyedIn({outer_.handle().id, 0});
}

TEST_F(EndsInside, WhereItIsCancelled) {
  const Watchdog watchdog;
  EXPECT_EQ(Run([] { inner->Call(kCancelPoint).IgnoreError(); },
                [](pthread_t thread) { pthread_cancel(thread); }),
            PTHREAD_CANCELED);
  ExpectDestroyedIn({inner_.handle().id, 0});
}

// A thread that waits in a compartment is told so, and cancelled.
TEST_F(EndsInside, WhereItWaitsAndIsCancelled) {
  const Watchdog watchdog;
  ASSERT_EQ(pipe(ends), 0);
  for (int i = 0; i < Scaled(200, 50); ++i) {
    about_to_wait = 0;
    EXPECT_EQ(Run([] { inner->Call(kWaitForAByte).IgnoreError(); },
                  [i](pthread_t thread) {
                    if (i % 2 == 0) {
                      while (about_to_wait == 0) sched_yield();
                    }
                    pthread_cancel(thread);
                  }),
              PTHREAD_CANCELED);
  }
  ExpectDestroyedIn({inner_.handle().id, 0});
  close(ends[0]);
  close(ends[1]);
}

TEST_F(EndsInside, OrOutsideIfItGivesUpWaiting) {
  const Watchdog watchdog;
  ASSERT_EQ(pipe(ends), 0);
  about_to_wait = 0;
  static std::atomic<int> error;
  error = -1;
  EXPECT_EQ(Run(
                [] {
                  error = inner->Call(kWaitOnce).value();
                  pthread_testcancel();
                },
                [](pthread_t thread) {
                  while (about_to_wait == 0) sched_yield();
                  pthread_cancel(thread);
                }),
            PTHREAD_CANCELED);
  // Without keys it is cancelled where it waits.
  if (bh_get_level() == BH_LEVEL_PKU && error != -1) {
    EXPECT_EQ(error, EINTR);
  }
  ExpectDestroyedIn({0});
  close(ends[0]);
  close(ends[1]);
}

// Rights are gone when what libc calls at a thread's end runs.
TEST_F(EndsInside, AndThenItsDestructorsRunOutside) {
  static std::atomic<int> ran{0};
  static pthread_key_t key;
  ran = 0;
  const auto look = [](void*) {
    if (bh_current().id == 0) ++ran;
  };
  ASSERT_EQ(pthread_key_create(&key, look), 0);
  struct Last {
    ~Last() {
      if (bh_current().id == 0) ++ran;
    }
    void Use() {}
  };
  Run([] {
    static thread_local Last last;
    last.Use();
    pthread_setspecific(key, &key);
    outer->Call(kExitBelow).IgnoreError();
  });
  EXPECT_EQ(ran, 2);
  pthread_key_delete(key);
}

// Nothing is used up by it: stacks, frames, mappings.
TEST_F(EndsInside, ManyTimes) {
  const Watchdog watchdog;
  const auto end_one = [] {
    Run([] { outer->Call(kExitBelow).IgnoreError(); });
  };
  for (int i = 0; i < 20; ++i) end_one();
  const size_t before = AllMappings().size();
  for (int i = 0; i < Scaled(500, 50); ++i) end_one();
  EXPECT_LE(AllMappings().size(), before + 4);
}

// The kernel ends the thread; nothing unwinds and nothing is said.
void ExitByTheKernel() { syscall(SYS_exit, 0); }
BULKHEAD_ENTRY(kExitByTheKernel, "inner", ExitByTheKernel);

TEST_F(EndsInside, WithoutAWord) {
  const Watchdog watchdog;
  Run([] { inner->Call(kExitByTheKernel).IgnoreError(); });
}

std::atomic<int> waiting{0};
std::atomic<bool> may_go{false};
void Wait() {
  ++waiting;
  while (!may_go) sched_yield();
}
BULKHEAD_ENTRY(kWait, "inner", Wait);

// Who is still inside counts, whoever has ended there before.
TEST_F(EndsInside, IsNotMistakenForOneThatIsInside) {
  const Watchdog watchdog;
  may_go = false;
  waiting = 0;
  std::thread visitor([] { inner->Call(kWait).IgnoreError(); });
  ASSERT_TRUE(Await([] { return waiting == 1; }));
  Run([] { inner->Call(kExit).IgnoreError(); });
  EXPECT_EQ(bh_destroy(inner_.handle()), BH_ERR_BUSY);
  may_go = true;
  visitor.join();
}

// In a forked child the threads that were inside do not exist.
TEST_F(EndsInside, WhereTheProcessIsForked) {
  const Watchdog watchdog;
  may_go = false;
  waiting = 0;
  std::thread visitor([] { inner->Call(kWait).IgnoreError(); });
  ASSERT_TRUE(Await([] { return waiting == 1; }));
  const auto child = RunInChild([this] {
    // Their records are for new threads: these are not inside either.
    std::vector<std::thread> threads(4);
    for (std::thread& thread : threads)
      thread = std::thread([] { free(malloc(1)); });
    for (std::thread& thread : threads) thread.join();
    if (inner_.Call(kVisitInner) != absl::OkStatus()) _exit(1);
    _exit(bh_destroy(inner_.handle()) == BH_OK ? 0 : 2);
  });
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
  may_go = true;
  visitor.join();
}

}  // namespace
