// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Checks that an entry makes inside its compartment. GoogleTest's own would
// allocate there, and read it outside.

#ifndef BULKHEAD_TESTS_API_INSIDE_H_
#define BULKHEAD_TESTS_API_INSIDE_H_

#include "bulkhead/compartment.h"

namespace bulkhead_test {

// What an entry returns that found everything as it should be. Other texts say
// what was not.
inline constexpr const char kAllGood[] = "";

#define BULKHEAD_QUOTED(text) #text
#define BULKHEAD_LINE(line) BULKHEAD_QUOTED(line)

// Ends an entry that returns a text where the condition does not hold.
#define EXPECT_INSIDE(condition)                                              \
  do {                                                                        \
    if (!(condition)) return "line " BULKHEAD_LINE(__LINE__) ": " #condition; \
  } while (false)

// The compiler may not drop what was written to a block that is freed unread.
inline void KeepWrites() { __asm__ volatile("" : : : "memory"); }

inline bulkhead::Compartment Own() {
  return bulkhead::Compartment(bh_current());
}

inline bulkhead::Compartment Root() {
  return bulkhead::Compartment(bh_compartment{0, 0});
}

inline bulkhead::Compartment OwnerOf(const void* pointer) {
  return bulkhead::Compartment(bh_owner(pointer));
}

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_API_INSIDE_H_
