// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/busy_threads.h"

#include <sched.h>
#include <stdlib.h>

#include <cstddef>

namespace bulkhead_test {

BusyThreads::BusyThreads(int count, const std::function<void()>& work) {
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([this, work] {
      work();
      ++running_;
      while (!stop_) work();
    });
  }
  while (running_ < count) sched_yield();
}

BusyThreads::~BusyThreads() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void RunThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

bool AllocateInManyClasses() {
  // On the stack: blocks of the size under test alone come and go.
  constexpr size_t kLargest = 40000;
  unsigned char* blocks[64];
  size_t count = 0;
  bool intact = true;
  for (size_t size = 1; size < kLargest; size += size / 4 + 1, ++count) {
    auto* const block = static_cast<unsigned char*>(malloc(size));
    blocks[count] = block;
    if (block == nullptr) return false;
    block[0] = static_cast<unsigned char>(count);
    block[size - 1] = static_cast<unsigned char>(count);
  }
  for (size_t i = 0; i < count; ++i) {
    intact = intact && blocks[i][0] == static_cast<unsigned char>(i);
    free(blocks[i]);
  }
  return intact;
}

}  // namespace bulkhead_test
