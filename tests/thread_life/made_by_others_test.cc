// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that a library makes for the program: they call into compartments as
// others do, and outside of them have no right that the root has not.

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/scale.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead_test::Await;
using ::bulkhead_test::Scaled;
using ::bulkhead_test::Watchdog;

// A number on the vault's heap, and one on the stack there, added.
uint64_t* secret = nullptr;

uint64_t* MakeSecret() {
  secret = new uint64_t(40);
  return secret;
}
BULKHEAD_ENTRY(kMakeSecret, "keys", MakeSecret);

uint64_t Add(uint64_t more) {
  auto* const sum = new uint64_t(*secret + more);
  const uint64_t result = *sum;
  delete sum;
  return result;
}
BULKHEAD_ENTRY(kAdd, "keys", Add);

class MadeByOthers : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("keys");
    ASSERT_TRUE(made.ok()) << made.status();
    keys = *made;
    ASSERT_TRUE(keys.Call(kMakeSecret).ok());
    ASSERT_EQ(pipe(ends), 0);
  }
  void TearDown() override {
    close(ends[0]);
    close(ends[1]);
    EXPECT_EQ(keys.Destroy(), absl::OkStatus());
  }

  bool Calls(uint64_t number) const {
    return keys.Call(kAdd, number).value_or(0) == 40 + number;
  }
  // The kernel reads with this thread's rights.
  bool IsOutside() const {
    return bh_current().id == 0 && write(ends[1], secret, 8) == -1;
  }

  Compartment keys = Compartment::Root();
  int ends[2] = {};
};

TEST_F(MadeByOthers, StdAsync) {
  const Watchdog watchdog;
  for (int round = 0; round < Scaled(50, 5); ++round) {
    std::vector<std::future<bool>> calls;
    for (uint64_t i = 0; i < 8; ++i) {
      calls.push_back(
          std::async(std::launch::async, [this, i] { return Calls(i); }));
    }
    for (auto& call : calls) EXPECT_TRUE(call.get());
    EXPECT_TRUE(
        std::async(std::launch::async, [this] { return IsOutside(); }).get());
  }
}

TEST_F(MadeByOthers, OpenMp) {
  const Watchdog watchdog;
  const int count = Scaled(2000, 100);
  int good = 0;
  int outside = 0;
#pragma omp parallel for num_threads(4) reduction(+ : good)
  for (int i = 0; i < count; ++i) {
    good += Calls(static_cast<uint64_t>(i)) ? 1 : 0;
  }
  EXPECT_EQ(good, count);
  // The same threads, when none of them is inside.
#pragma omp parallel num_threads(4) reduction(+ : outside)
  outside += IsOutside() ? 1 : 0;
  EXPECT_EQ(outside, 4);
}

std::atomic<int> notified{0};
std::atomic<int> refused{0};
std::atomic<int> running{0};
std::atomic<bool> stopped{false};

// Some come when the timer is gone already, and find the test gone, too.
void Notice(union sigval value) {
  ++running;
  if (!stopped) {
    const auto& keys = *static_cast<const Compartment*>(value.sival_ptr);
    if (keys.Call(kAdd, 7).value_or(0) != 47) ++refused;
    ++notified;
  }
  --running;
}

TEST_F(MadeByOthers, NotificationsOfTimers) {
  const Watchdog watchdog;
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_value.sival_ptr = &keys;
  event.sigev_notify_function = Notice;
  timer_t timer;
  ASSERT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  struct itimerspec times = {};
  times.it_value.tv_nsec = times.it_interval.tv_nsec = 1'000'000;
  ASSERT_EQ(timer_settime(timer, 0, &times, nullptr), 0);
  const int least = Scaled(100, 10);
  EXPECT_TRUE(Await([least] { return notified >= least; }));
  EXPECT_EQ(timer_delete(timer), 0);
  stopped = true;
  EXPECT_TRUE(Await([] { return running == 0; }));
  EXPECT_EQ(refused, 0);
}

}  // namespace
