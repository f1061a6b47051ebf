// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/stepped_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead_test {
namespace {

constexpr unsigned long long kTrapFlag = 0x100;

user_regs_struct RegistersOf(pid_t child) {
  user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) abort();
  return registers;
}

void EndSteps(pid_t child, user_regs_struct registers) {
  registers.eflags &= ~kTrapFlag;
  if (ptrace(PTRACE_SETREGS, child, nullptr, &registers) != 0) abort();
}

// Goes on with `signal`, or none. Returns when the child stops or has ended.
int GoOn(pid_t child, int signal) {
  int status = 0;
  if (ptrace(PTRACE_CONT, child, nullptr, signal) != 0) abort();
  if (waitpid(child, &status, 0) != child) abort();
  return status;
}

}  // namespace

SteppedResult RunStepped(int signal, const std::function<void()>& body,
                         const std::function<bool(Code)>& is_last) {
  SteppedResult result;
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) abort();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(3);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) abort();
  status = GoOn(child, 0);
  while (WIFSTOPPED(status)) {
    const int stopped_by = WSTOPSIG(status);
    if (stopped_by != SIGTRAP || result.reached_the_last) {
      status = GoOn(child, stopped_by);
      continue;
    }
    ++result.steps;
    const user_regs_struct registers = RegistersOf(child);
    const auto code = static_cast<Code>(
        ptrace(PTRACE_PEEKTEXT, child, registers.rip, nullptr));
    if (is_last(code)) {
      result.reached_the_last = true;
      EndSteps(child, registers);
    }
    status = GoOn(child, signal);
  }
  result.exited = WIFEXITED(status);
  result.code = result.exited ? WEXITSTATUS(status) : WTERMSIG(status);
  return result;
}

void BeginSteps() {
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | kTrapFlag);
}

}  // namespace bulkhead_test
