// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of signals share.

#ifndef BULKHEAD_TESTS_SIGNALS_SIGNALS_H_
#define BULKHEAD_TESTS_SIGNALS_SIGNALS_H_

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>
#include <vector>

namespace bulkhead {

sigset_t SetOf(std::initializer_list<int> signals);

// Has an action of a signal in force for as long as it lives.
class Action {
 public:
  Action(int signal, void (*handler)(int), int flags = 0,
         const sigset_t& mask = SetOf({}));
  Action(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0,
         const sigset_t& mask = SetOf({}));
  ~Action();
  Action(const Action&) = delete;
  Action& operator=(const Action&) = delete;

 private:
  const int signal_;
  struct sigaction old_ = {};
};

// Blocks signals in the calling thread for as long as it lives.
class Blocked {
 public:
  explicit Blocked(const sigset_t& signals);
  ~Blocked();
  Blocked(const Blocked&) = delete;
  Blocked& operator=(const Blocked&) = delete;

 private:
  sigset_t old_;
};

// Whether the calling thread blocks the signal now.
bool IsBlocked(int signal);

// Gives the calling thread an alternate signal stack for as long as it lives.
class AlternateStack {
 public:
  explicit AlternateStack(size_t bytes = size_t{64} << 10);
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  bool Holds(const void* address) const;

 private:
  std::vector<char> memory_;
  stack_t old_ = {};
};

// Sends the thread that makes it a signal, once or again and again.
class ThreadTimer {
 public:
  explicit ThreadTimer(int signal);
  ~ThreadTimer();
  ThreadTimer(const ThreadTimer&) = delete;
  ThreadTimer& operator=(const ThreadTimer&) = delete;
  // Async-signal-safe.
  void Once(long nanoseconds) const { Set(nanoseconds, 0); }
  void Every(long nanoseconds) const { Set(nanoseconds, nanoseconds); }

 private:
  void Set(long value, long interval) const;
  timer_t timer_;
};

// What a signal finds in registers, and leaves there.
struct Registers {
  uint64_t general = 0;  // r12
  uint64_t vector = 0;   // the lower half of xmm9
};

// Sends the calling thread the signal with `before` in both, and clears them
// afterwards. By a system call alone: it is made in any domain.
__attribute__((always_inline)) inline Registers RaiseWith(int signal,
                                                          uint64_t before) {
  Registers after;
  __asm__ volatile(
      "mov %[before], %%r12\n\t"
      "movq %%r12, %%xmm9\n\t"
      "syscall\n\t"
      "mov %%r12, %[general]\n\t"
      "movq %%xmm9, %[vector]\n\t"
      "xor %%r12d, %%r12d\n\t"
      "pxor %%xmm9, %%xmm9"
      : [general] "=&r"(after.general), [vector] "=&r"(after.vector)
      : "a"(SYS_tgkill), "D"(getpid()), "S"(gettid()),
        "d"(signal), [before] "r"(before)
      : "rcx", "r11", "r12", "xmm9", "memory");
  return after;
}

// Returns when the thread sleeps in the kernel.
void AwaitSleep(const std::atomic<pid_t>& tid);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_SIGNALS_SIGNALS_H_
