// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// How much work a test that repeats itself does here, and when it is stuck.

#ifndef BULKHEAD_TESTS_SUPPORT_SCALE_H_
#define BULKHEAD_TESTS_SUPPORT_SCALE_H_

#include <functional>

namespace bulkhead_test {

// `amount` on a real processor; a twentieth of it, but not less than `least`,
// on an emulated one. BULKHEAD_TEST_SCALE=N divides by N instead.
int Scaled(int amount, int least = 1);

// Ends the process by SIGALRM unless the object goes within this time: what a
// test that would otherwise hang fails by. A forked child has no alarm.
class Watchdog {
 public:
  explicit Watchdog(unsigned seconds = 100);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

// Asks again and again until `condition` holds; false when it does not within
// `seconds`. Lets other threads run in between.
bool Await(const std::function<bool()>& condition, int seconds = 60);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_SCALE_H_
