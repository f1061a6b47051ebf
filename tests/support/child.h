// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Runs code that is expected to end its process.

#ifndef BULKHEAD_TESTS_SUPPORT_CHILD_H_
#define BULKHEAD_TESTS_SUPPORT_CHILD_H_

#include <functional>
#include <string>

namespace bulkhead_test {

struct ChildResult {
  bool exited = false;  // by exit(); otherwise by a signal
  int code = 0;         // the exit status, or the signal
  int pid = 0;
  std::string errors;  // what it wrote to stderr

  bool DiedOf(int signal) const { return !exited && code == signal; }
  bool ExitedWith(int status) const { return exited && code == status; }
};

// Runs `body` in a forked child, which exits with 0 when it returns.
ChildResult RunInChild(const std::function<void()>& body);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_CHILD_H_
