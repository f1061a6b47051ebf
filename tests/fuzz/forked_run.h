// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Runs a list of operations in a forked child: every list begins in the same
// state, and may end its process.

#ifndef BULKHEAD_TESTS_FUZZ_FORKED_RUN_H_
#define BULKHEAD_TESTS_FUZZ_FORKED_RUN_H_

#include <functional>
#include <string>

#include "tests/fuzz/executor.h"
#include "tests/fuzz/family.h"
#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

struct Outcome {
  // Nothing happened that must not. A hostile compartment may have ended the
  // process.
  bool in_order = false;
  bool died = false;     // by a signal, whether that is in order or not
  std::string trouble;   // what was not in order, at which operation
  std::string messages;  // what was written to stderr
};

// Plays the list and cleans up.
Outcome RunInFork(const OperationList& list);
Outcome RunInFork(const OperationList& list, Family& family);

// Plays the list, and then does `last`.
Outcome RunInFork(const OperationList& list, Family& family,
                  const std::function<void(Executor&)>& last);

// The kind of the first report in messages of Bulkhead's: "double-free". Empty:
// there is none, or it is of no such kind.
std::string ReportIn(const std::string& messages);

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_FORKED_RUN_H_
