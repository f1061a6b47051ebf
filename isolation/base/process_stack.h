// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the kernel laid on the stack of a new process: arguments, environment
// and auxiliary vector. Read from there because malloc is called before libc
// has set environ.

#ifndef BULKHEAD_ISOLATION_BASE_PROCESS_STACK_H_
#define BULKHEAD_ISOLATION_BASE_PROCESS_STACK_H_

namespace bulkhead {

struct ProcessStack {
  // As given to execve(). Not argv[0], which programs overwrite with a title.
  const char* program = nullptr;
  const char* const* environment = nullptr;  // ends with nullptr
  bool secure = true;  // AT_SECURE: privileges were gained at execve
};

// Runs in: any domain; signal-safe. REQUIRES: a dynamically linked program.
ProcessStack ReadProcessStack();

// The value of `name` in the initial environment, or nullptr.
const char* FindVariable(const ProcessStack& stack, const char* name);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_PROCESS_STACK_H_
