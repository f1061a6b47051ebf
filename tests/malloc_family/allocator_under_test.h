// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the malloc family share: which allocator serves this
// process, and small tools for asking it for memory and looking at the answer.

#ifndef TESTS_MALLOC_FAMILY_ALLOCATOR_UNDER_TEST_H_
#define TESTS_MALLOC_FAMILY_ALLOCATOR_UNDER_TEST_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead {

// x86-64's alignof(max_align_t); glibc gives it to every block, however small.
inline constexpr size_t kBlockAlignment = 16;
inline constexpr size_t kPageSize = 4096;
inline constexpr size_t kMiB = size_t{1} << 20;
inline constexpr size_t kLargestSize = PTRDIFF_MAX;

// Whether Bulkhead is this process's malloc. False in the control, where the
// same contracts are put to glibc.
bool OnBulkhead();

// Blocks that Bulkhead's root heap has handed out since the start.
// REQUIRES: OnBulkhead().
uint64_t RootAllocations();

// Looks `name` up as the dynamic linker would for the program; nullptr when no
// object defines it.
void* FindSymbol(const char* name);

// Resident memory of this process.
size_t ResidentBytes();

// Hides a value from the optimiser, so that it neither warns about an absurd
// size nor removes an allocation whose result it can foresee.
template <typename T>
T Hide(T value) {
  asm volatile("" : "+r"(value) : : "memory");
  return value;
}

inline bool IsAligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

// Every size up to 1,040, then each power of two up to `largest` with its
// neighbours and the quarter steps between, where size classes begin and end.
std::vector<size_t> InterestingSizes(size_t largest);

// Writes a pattern that depends on `seed`; tells whether it still stands.
void Fill(void* p, size_t size, uint32_t seed);
bool IsFilled(const void* p, size_t size, uint32_t seed);
bool IsZero(const void* p, size_t size);

// Runs `allocate` and expects nullptr with errno set to `error`.
template <typename Allocate>
void ExpectFailure(Allocate allocate, int error) {
  errno = 0;
  void* p = allocate();
  const int seen = errno;
  EXPECT_EQ(p, nullptr);
  EXPECT_EQ(seen, error);
}

// Runs `body` in a forked child that must end within `seconds`; returns the
// child's wait status. What `body` returns is the child's exit status.
int RunInChild(const std::function<int()>& body, unsigned seconds = 120);

// The wait status of a child that left with exit status 0.
inline constexpr int kExitedWell = 0;

}  // namespace bulkhead

#endif  // TESTS_MALLOC_FAMILY_ALLOCATOR_UNDER_TEST_H_
