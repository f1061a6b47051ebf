// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a process that runs a list of operations leaves to the one that started
// it: memory that both have. And how it reads memory that nobody's rights
// reach.

#ifndef BULKHEAD_TESTS_FUZZ_EVIDENCE_H_
#define BULKHEAD_TESTS_FUZZ_EVIDENCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bulkhead_fuzz {

struct Evidence {
  std::atomic<bool> found{false};  // something that must not be
  char text[1024] = {};            // what
  std::atomic<uint32_t> at{0};     // the operation under way, by number
  // The operation under way is a hostile compartment's, which may end with the
  // process.
  std::atomic<bool> hostile{false};
  // The process died, and what it then had was looked at and was in order.
  std::atomic<bool> died_in_order{false};
};

// Of this process and of those that it forks from here on.
Evidence& TheEvidence();

// How such a process exits: after a finding; and when a signal ended it that is
// to be told from others.
inline constexpr int kFoundStatus = 77;
inline constexpr int kDiedStatus = 78;

// Puts down what was found, as printf(), and ends the process with
// kFoundStatus. The first finding stands. Allocates nothing; any domain.
[[noreturn]] void Found(const char* format, ...)
    __attribute__((format(printf, 1, 2)));

// Reads this process's memory through the kernel, which asks neither keys nor
// page protection (docs/limits.md). False: nothing is mapped there.
// Signal-safe. REQUIRES: OpenOutside() was called in this process.
bool ReadFromOutside(uintptr_t address, void* to, size_t size);
void OpenOutside();

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_EVIDENCE_H_
