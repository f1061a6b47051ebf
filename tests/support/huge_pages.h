// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// For tests that add up resident memory. A kernel that makes huge pages
// whenever it can makes one where a single small page is used again of memory
// that went back: how many is a matter of where they lie. What goes back is the
// same without.

#ifndef BULKHEAD_TESTS_SUPPORT_HUGE_PAGES_H_
#define BULKHEAD_TESTS_SUPPORT_HUGE_PAGES_H_

#include <sys/prctl.h>

namespace bulkhead_test {

// Has the kernel make no more of them in this process. False: it refused.
inline bool SwitchOffHugePages() {
  return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
}

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_HUGE_PAGES_H_
