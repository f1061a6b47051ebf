// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that come and go, forked children, programs started by exec, and
// rights that change in all threads at once: each thread has bits of its own.

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/coexistence/fixture.h"
#include "tests/support/busy_threads.h"
#include "tests/support/child.h"
#include "tests/support/raw_thread.h"

namespace {

using ::bulkhead::Access;
using ::bulkhead::Compartment;
using ::bulkhead_test::AllocateInManyClasses;
using ::bulkhead_test::Bits;
using ::bulkhead_test::BusyThreads;
using ::bulkhead_test::CoexistenceTest;
using ::bulkhead_test::HasKeys;
using ::bulkhead_test::kNoBits;
using ::bulkhead_test::RawThread;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::RunThreads;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::SetBits;

constexpr char kAfterExec[] = "--after-exec";
constexpr int kAllIsWell = 0;

// What an entry finds.
int WorkAndTell(int key) { return AllocateInManyClasses() ? Bits(key) : 1000; }
BULKHEAD_ENTRY(kBits, "keys", WorkAndTell);
BULKHEAD_ENTRY(kBitsInOther, "other", WorkAndTell);

// A thread that a vault starts.
int seen_key = 0;
std::atomic<int> seen{1000};
void* See(void*) {
  seen = Bits(seen_key);
  return nullptr;
}
pthread_t started;
int Start() { return pthread_create(&started, nullptr, See, nullptr); }
BULKHEAD_ENTRY(kStart, "keys", Start);

// A thread that ends in a vault, and what its destructors find.
pthread_key_t at_end;
void SeeAtEnd(void*) { seen = Bits(seen_key); }
void End() { pthread_exit(nullptr); }
BULKHEAD_ENTRY(kEnd, "keys", End);

class ThreadsTest : public CoexistenceTest {
 protected:
  int key() const { return user_.key(); }

  // What a thread with these bits finds after each way: how often others.
  int Work(int bits) const {
    int wrong = Bits(key()) != bits;
    wrong += keys_.Call(kBits, key()).value_or(1000) != bits;
    wrong += Bits(key()) != bits;
    wrong += other_.Call(kBitsInOther, key()).value_or(1000) != bits;
    wrong += !AllocateInManyClasses();
    return wrong + (Bits(key()) != bits);
  }
};

TEST_P(ThreadsTest, BeginWithTheirCreatorsBits) {
  int wrong = -1;
  std::thread([&] { wrong = Work(bits_); }).join();
  EXPECT_EQ(wrong, 0);
  // Past pthread_create().
  wrong = -1;
  {
    const RawThread raw([&] { wrong = Bits(key()) != bits_; });
  }
  EXPECT_EQ(wrong, 0);
}

TEST_P(ThreadsTest, BeginSoInAVaultToo) {
  seen_key = key();
  seen = 1000;
  ASSERT_EQ(keys_.Call(kStart).value_or(1000), 0);
  pthread_join(started, nullptr);
  EXPECT_EQ(seen, bits_);
}

TEST_P(ThreadsTest, HaveBitsOfTheirOwn) {
  std::atomic<int> wrong{0};
  RunThreads(4, [&](int i) {
    const int bits = SetBits(key(), i);
    for (int round = 0; round < Scaled(100, 5); ++round) wrong += Work(bits);
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(ThreadsTest, EndInsideWithThem) {
  seen_key = key();
  seen = 1000;
  ASSERT_EQ(pthread_key_create(&at_end, SeeAtEnd), 0);
  std::thread([&] {
    pthread_setspecific(at_end, this);
    keys_.Call(kEnd).IgnoreError();
  }).join();
  EXPECT_EQ(seen, bits_);
  pthread_key_delete(at_end);
}

// Every thread is interrupted then, wherever it is.
TEST_P(ThreadsTest, KeepThemWhenRightsChange) {
  bh_options options = {};
  options.grants = BH_ON;
  const auto table = Compartment::Create("table", options);
  ASSERT_TRUE(table.ok()) << table.status();
  std::atomic<int> wrong{0};
  std::atomic<int> next{0};
  {
    const BusyThreads busy(2, [&] {
      thread_local const int bits = SetBits(key(), ++next % 4);
      wrong += Work(bits);
      for (int i = 0; i < 1000; ++i) wrong += Bits(key()) != bits;
    });
    for (int i = 0; i < Scaled(400, 40); ++i) {
      const Access access = i % 2 == 0 ? Access::kReadWrite : Access::kNone;
      ASSERT_TRUE(table->GrantEveryone(access).ok());
      ExpectBits();
      ASSERT_TRUE(table->Grant(keys_, access).ok());
      ExpectBits();
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(table->Destroy().ok());
}

TEST_P(ThreadsTest, FindThemInAForkedChild) {
  const auto child = RunInChild([&] {
    const int wrong = Work(bits_);
    user_.ExpectPages();
    _exit(wrong + (HasFailure() ? 100 : 0));
  });
  EXPECT_TRUE(child.ExitedWith(kAllIsWell)) << child.code << child.errors;
}

// Nothing of them is left after exec, and two keys are.
TEST_P(ThreadsTest, FindNoneAfterExec) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "threads_test", kAfterExec, nullptr);
    _exit(127);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kAllIsWell);
}

WITH_ALL_BITS(ThreadsTest);

// The program started. Returns the line of what is wrong.
int LiveAfterExec() {
  constexpr int kLeft = 2;
  int taken[kLeft];
  for (int& key : taken) {
    key = pkey_alloc(0, PKEY_DISABLE_WRITE);
    if (HasKeys() != (key > 0)) return __LINE__ % 256;
    if (key > 0 && Bits(key) != PKEY_DISABLE_WRITE) return __LINE__ % 256;
  }
  errno = 0;
  if (pkey_alloc(0, 0) != -1 || errno != ENOSPC) return __LINE__ % 256;
  const auto keys = Compartment::Create("keys");
  if (!keys.ok()) return __LINE__ % 256;
  for (const int key : taken) {
    const int bits = HasKeys() ? PKEY_DISABLE_WRITE : kNoBits;
    if (keys->Call(kBits, key).value_or(1000) != bits) return __LINE__ % 256;
    if (Bits(key) != bits) return __LINE__ % 256;
  }
  return kAllIsWell;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], kAfterExec) == 0) return LiveAfterExec();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
