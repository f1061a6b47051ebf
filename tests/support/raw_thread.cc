// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/raw_thread.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

namespace bulkhead_test {
namespace {

constexpr size_t kStackBytes = size_t{256} << 10;

// The part of a thread control block that the x86-64 ABI and compiled code
// rely on (glibc's tcbhead_t).
struct ThreadControlBlock {
  void* self;
  void* dtv;
  void* thread;
  int multiple_threads;
  int unused;
  uintptr_t sysinfo;
  uintptr_t stack_guard;
  uintptr_t pointer_guard;
};
static_assert(offsetof(ThreadControlBlock, stack_guard) == 0x28);

ThreadControlBlock* Own() {
  ThreadControlBlock* own;
  __asm__("mov %%fs:0, %0" : "=r"(own));
  return own;
}

template <typename Function>
Function Find(const char* name) {
  void* const found = dlsym(RTLD_DEFAULT, name);
  if (found == nullptr) {
    fprintf(stderr, "the dynamic linker has no %s\n", name);
    abort();
  }
  return reinterpret_cast<Function>(found);
}

// What libc itself calls for pthread_create().
char* AllocateTls() {
  auto* const tls =
      static_cast<char*>(Find<void* (*)(void*)>("_dl_allocate_tls")(nullptr));
  if (tls == nullptr) abort();
  auto* const block = reinterpret_cast<ThreadControlBlock*>(tls);
  const ThreadControlBlock* const own = Own();
  block->self = tls;
  block->thread = tls;
  block->multiple_threads = 1;
  block->stack_guard = own->stack_guard;
  block->pointer_guard = own->pointer_guard;
  return tls;
}

// libc leaves locks out until it has seen a second thread.
void LetLibcKnowOfThreads() {
  static const bool known = [] {
    std::thread([] {}).join();
    return true;
  }();
  (void)known;
}

}  // namespace

RawThread::RawThread(std::function<void()> body) : body_(std::move(body)) {
  LetLibcKnowOfThreads();
  tls_ = AllocateTls();
  stack_ = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack_ == MAP_FAILED) abort();
  constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                         CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                         CLONE_CHILD_CLEARTID;
  const int tid = clone(Run, static_cast<char*>(stack_) + kStackBytes, kFlags,
                        this, nullptr, tls_, &tid_);
  if (tid < 0) {
    perror("clone");
    abort();
  }
}

RawThread::~RawThread() {
  for (int seen = tid_; seen != 0; seen = tid_) {
    syscall(SYS_futex, &tid_, FUTEX_WAIT, seen, nullptr, nullptr, 0);
  }
  munmap(stack_, kStackBytes);
  Find<void (*)(void*, bool)>("_dl_deallocate_tls")(tls_, true);
}

int RawThread::Run(void* thread) {
  static_cast<RawThread*>(thread)->body_();
  return 0;
}

}  // namespace bulkhead_test
