// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/signals/signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace bulkhead {
namespace {

void Demand(bool condition, const char* what) {
  if (condition) return;
  perror(what);
  abort();
}

}  // namespace

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

Action::Action(int signal, void (*handler)(int), int flags,
               const sigset_t& mask)
    : signal_(signal) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  action.sa_mask = mask;
  Demand(sigaction(signal, &action, &old_) == 0, "sigaction");
}

Action::Action(int signal, void (*handler)(int, siginfo_t*, void*), int flags,
               const sigset_t& mask)
    : signal_(signal) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO;
  action.sa_mask = mask;
  Demand(sigaction(signal, &action, &old_) == 0, "sigaction");
}

Action::~Action() {
  Demand(sigaction(signal_, &old_, nullptr) == 0, "sigaction");
}

Blocked::Blocked(const sigset_t& signals) {
  Demand(pthread_sigmask(SIG_BLOCK, &signals, &old_) == 0, "sigmask");
}

Blocked::~Blocked() {
  Demand(pthread_sigmask(SIG_SETMASK, &old_, nullptr) == 0, "sigmask");
}

bool IsBlocked(int signal) {
  sigset_t now;
  Demand(pthread_sigmask(SIG_BLOCK, nullptr, &now) == 0, "sigmask");
  return sigismember(&now, signal) == 1;
}

AlternateStack::AlternateStack(size_t bytes) : memory_(bytes) {
  stack_t stack = {};
  stack.ss_sp = memory_.data();
  stack.ss_size = memory_.size();
  Demand(sigaltstack(&stack, &old_) == 0, "sigaltstack");
}

AlternateStack::~AlternateStack() {
  Demand(sigaltstack(&old_, nullptr) == 0, "sigaltstack");
}

bool AlternateStack::Holds(const void* address) const {
  const auto* const byte = static_cast<const char*>(address);
  return byte >= memory_.data() && byte < memory_.data() + memory_.size();
}

ThreadTimer::ThreadTimer(int signal) {
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event._sigev_un._tid = gettid();
  Demand(timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0, "timer_create");
}

ThreadTimer::~ThreadTimer() {
  Demand(timer_delete(timer_) == 0, "timer_delete");
}

void ThreadTimer::Set(long value, long interval) const {
  itimerspec times = {};
  times.it_value.tv_nsec = value;
  times.it_interval.tv_nsec = interval;
  Demand(timer_settime(timer_, 0, &times, nullptr) == 0, "timer_settime");
}

void AwaitSleep(const std::atomic<pid_t>& tid) {
  while (tid == 0) sched_yield();
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid.load());
  for (char state = 0; state != 'S'; sched_yield()) {
    char text[256] = {};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    Demand(read(file, text, sizeof(text) - 1) > 0, path);
    close(file);
    const char* const name_end = strrchr(text, ')');
    if (name_end != nullptr) state = name_end[2];
  }
}

}  // namespace bulkhead
