// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The threads on which operations run. One that reads the list hands each
// operation to its thread and waits for it, so that a list runs the same every
// time; or it lets all threads go at once.

#ifndef BULKHEAD_TESTS_FUZZ_WORKERS_H_
#define BULKHEAD_TESTS_FUZZ_WORKERS_H_

#include <pthread.h>

#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

class Workers {
 public:
  using Work = void (*)(void* context, unsigned thread);

  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Runs work(thread) on the thread, which is started if there is none, and
  // returns when it is done. Thread 0 is the caller.
  template <typename Body>
  void Run(unsigned thread, Body body) {
    RunRaw(thread, Call<Body>, &body);
  }

  // Runs body(thread) on every thread at once.
  template <typename Body>
  void RunTogether(Body body) {
    RunTogetherRaw(Call<Body>, &body);
  }

  // Ends a thread, if there is one, and returns when it is gone. Not thread 0.
  void End(unsigned thread);

 private:
  enum class State { kNone, kIdle, kReady, kRunning, kLeaving };
  struct Worker {
    State state = State::kNone;
    pthread_t thread = {};
    Work work = nullptr;
    void* context = nullptr;
    unsigned number = 0;
    Workers* all = nullptr;
  };

  template <typename Body>
  static void Call(void* context, unsigned thread) {
    (*static_cast<Body*>(context))(thread);
  }
  static void* Main(void* worker);

  void RunRaw(unsigned thread, Work work, void* context);
  void RunTogetherRaw(Work work, void* context);
  void Start(unsigned thread);
  void Give(Worker& worker, Work work, void* context);
  void Await(Worker& worker, State state);

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  bool held_ = false;  // nobody begins what it was given
  Worker workers_[kThreads];
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_WORKERS_H_
