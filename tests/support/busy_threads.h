// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Load: threads that do one thing over and over beside what a test is about.

#ifndef BULKHEAD_TESTS_SUPPORT_BUSY_THREADS_H_
#define BULKHEAD_TESTS_SUPPORT_BUSY_THREADS_H_

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace bulkhead_test {

// Threads that do `work` until the object goes. Constructed when each of them
// has done it once, so that no test is over before its load began.
class BusyThreads {
 public:
  BusyThreads(int count, const std::function<void()>& work);
  ~BusyThreads();
  BusyThreads(const BusyThreads&) = delete;
  BusyThreads& operator=(const BusyThreads&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> running_{0};
  std::vector<std::thread> threads_;
};

// Runs `body(i)` in `count` threads at once and waits for them.
void RunThreads(int count, const std::function<void(int)>& body);

// Allocates blocks of many size classes, from a few bytes to beyond the small
// ones, writes to each, looks whether what it wrote stands, and frees them.
// Returns false when a block was refused or spoilt.
bool AllocateInManyClasses();

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_BUSY_THREADS_H_
