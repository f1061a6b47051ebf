// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// An attack by restartable sequences: whoever can write to a thread's TLS tells
// the kernel to divert the thread, where it is preempted or gets a signal
// within some code, to an address of the attacker's: with whatever rights the
// thread has there. libc registers an area for each thread; Bulkhead ends that
// before the thread can come into the monitor.

#include <errno.h>
#include <linux/rseq.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"
#include "tests/signals/signals.h"
#include "tests/support/child.h"
#include "tests/support/raw_thread.h"
#include "tests/support/scale.h"

extern "C" {
// glibc's (sys/rseq.h): the area's place relative to the thread pointer.
extern const ptrdiff_t __rseq_offset;
// The linker's: where this program's code is.
extern const char __executable_start[];
extern const char etext[];
}

namespace {

using bulkhead::Action;
using bulkhead::ThreadTimer;
using bulkhead_test::RawThread;
using bulkhead_test::RunInChild;
using bulkhead_test::Scaled;
using bulkhead_test::Watchdog;

constexpr uint32_t kSignature = 0x53053053;  // libc's, on x86
constexpr uint32_t kAreaBytes = 32;
constexpr int kDiverted = 77;

rseq* LibcsArea() {
  char* thread_pointer;
  __asm__("mov %%fs:0, %0" : "=r"(thread_pointer));
  return reinterpret_cast<rseq*>(thread_pointer + __rseq_offset);
}

long Register(rseq* area, int flags) {
  return syscall(SYS_rseq, area, kAreaBytes, flags, kSignature);
}

// Whether the kernel diverts the calling thread at somebody's wish: it refuses
// a second area then.
bool IsRestartable() {
  alignas(32) static thread_local unsigned char own[kAreaBytes];
  auto* const area = reinterpret_cast<rseq*>(own);
  if (Register(area, 0) != 0) return errno != ENOSYS;
  if (Register(area, RSEQ_FLAG_UNREGISTER) != 0) abort();
  return false;
}

std::atomic<int> restartable{0};
std::atomic<int> seen{0};

void Look() {
  free(malloc(100));
  ++seen;
  if (IsRestartable()) ++restartable;
}

TEST(RseqAttackTest, NoThreadThatAllocatesIsRestartable) {
  Look();
  std::thread(Look).join();
  const RawThread raw(Look);
  pthread_t child;
  ASSERT_EQ(pthread_create(
                &child, nullptr,
                [](void*) -> void* {
                  Look();
                  return nullptr;
                },
                nullptr),
            0);
  pthread_join(child, nullptr);
  EXPECT_TRUE(RunInChild([] { _exit(IsRestartable() ? 1 : 0); }).ExitedWith(0));
  while (seen < 4) sched_yield();
  EXPECT_EQ(restartable, 0);
}

// Where the thread is to go on: a page of its own, since it must lie outside of
// the code that it is diverted from.
const void* MakeLanding() {
  unsigned char code[] = {0x53, 0x30,
                          0x05, 0x53,  // the signature
                          0xbf, kDiverted,
                          0,    0,
                          0,  // mov edi, kDiverted
                          0xb8, SYS_exit_group,
                          0,    0,
                          0,            // mov eax, exit_group
                          0x0f, 0x05};  // syscall
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  memcpy(page, code, sizeof(code));
  return static_cast<char*>(page) + 4;
}

std::atomic<int> ticks{0};

// Keeps coming into the monitor with the kernel told to divert the thread from
// any of this program's code, until the thread was interrupted often.
void LetItselfBeDiverted() {
  static rseq_cs everywhere;
  everywhere.start_ip = reinterpret_cast<uintptr_t>(__executable_start);
  everywhere.post_commit_offset =
      static_cast<uintptr_t>(etext - __executable_start);
  everywhere.abort_ip = reinterpret_cast<uintptr_t>(MakeLanding());
  ticks = 0;
  const Action action(
      SIGUSR1, [](int) { ++ticks; }, SA_RESTART);
  const ThreadTimer timer(SIGUSR1);
  timer.Every(1000000);
  const int enough = Scaled(500, 100);
  while (ticks < enough) {
    LibcsArea()->rseq_cs = reinterpret_cast<uintptr_t>(&everywhere);
    void* const block = malloc(size_t{3} << 20);
    __asm__ volatile("" : : "r"(block) : "memory");
    free(block);
  }
}

TEST(RseqAttackTest, ThePreemptedMonitorGoesOnWhereItWas) {
  const Watchdog watchdog;
  free(malloc(1));
  const auto child = RunInChild(LetItselfBeDiverted);
  EXPECT_TRUE(child.ExitedWith(0)) << child.code << child.errors;
}

// The test above can tell: a thread whose area is registered does not come
// back. With keys the kernel cannot write to the area while the thread is in
// the monitor: that is a fault in the monitor, and ends the process.
TEST(RseqAttackTest, TheCheckOfTheAttackWorks) {
  const Watchdog watchdog;
  const auto child = RunInChild([] {
    if (Register(LibcsArea(), 0) != 0) _exit(1);
    LetItselfBeDiverted();
  });
  EXPECT_TRUE(
      child.ExitedWith(kDiverted) || child.DiedOf(SIGSEGV) ||
      (child.DiedOf(SIGABRT) &&
       child.errors.find("a fault in the monitor") != child.errors.npos))
      << child.code << child.errors;
}

}  // namespace
