// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Sends a child a signal between any two of its instructions. A handler of the
// child's cannot step through what it may not see.

#ifndef BULKHEAD_TESTS_SUPPORT_STEPPED_CHILD_H_
#define BULKHEAD_TESTS_SUPPORT_STEPPED_CHILD_H_

#include <cstdint>
#include <functional>

namespace bulkhead_test {

struct SteppedResult {
  bool exited = false;  // by exit(); otherwise by a signal
  int code = 0;         // the exit status, or the signal
  int steps = 0;
  bool reached_the_last = false;
};

// The first bytes of an instruction, the lowest first.
using Code = uint64_t;
constexpr unsigned ByteOf(Code code, unsigned which) {
  return static_cast<unsigned>(code >> (8 * which) & 0xff);
}

// Runs `body` in a forked child, which exits with 0 when it returns. From where
// its first thread calls BeginSteps() on, `signal` is sent to it before each
// instruction, up to the first one that `is_last` says yes to.
SteppedResult RunStepped(int signal, const std::function<void()>& body,
                         const std::function<bool(Code)>& is_last);

// Not inline: the steps begin within.
void BeginSteps();

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_STEPPED_CHILD_H_
