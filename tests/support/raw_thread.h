// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A thread made with clone(), past pthread_create(): with a thread control
// block and thread-local variables of its own, as a runtime that brings its own
// threads prepares them. What it runs may use malloc and errno, but nothing of
// libc that looks at who the thread is.

#ifndef BULKHEAD_TESTS_SUPPORT_RAW_THREAD_H_
#define BULKHEAD_TESTS_SUPPORT_RAW_THREAD_H_

#include <atomic>
#include <functional>

namespace bulkhead_test {

class RawThread {
 public:
  // Starts the thread. Aborts when the kernel or libc refuses.
  explicit RawThread(std::function<void()> body);
  // Waits for the thread and gives its memory back.
  ~RawThread();
  RawThread(const RawThread&) = delete;
  RawThread& operator=(const RawThread&) = delete;

 private:
  static int Run(void* thread);

  std::function<void()> body_;
  char* tls_ = nullptr;
  void* stack_ = nullptr;
  // The kernel stores 0 and wakes who waits when the thread is gone.
  std::atomic<int> tid_{-1};
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_SUPPORT_RAW_THREAD_H_
