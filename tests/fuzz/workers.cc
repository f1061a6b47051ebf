// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/workers.h"

#include <string.h>

#include "tests/fuzz/evidence.h"

namespace bulkhead_fuzz {

void Workers::RunRaw(unsigned thread, Work work, void* context) {
  if (thread == 0) {
    work(context, 0);
    return;
  }
  Start(thread);
  Give(workers_[thread], work, context);
  Await(workers_[thread], State::kIdle);
}

void Workers::RunTogetherRaw(Work work, void* context) {
  for (unsigned i = 1; i < kThreads; ++i) Start(i);
  held_ = true;
  for (unsigned i = 1; i < kThreads; ++i) Give(workers_[i], work, context);
  pthread_mutex_lock(&mutex_);
  held_ = false;
  pthread_cond_broadcast(&changed_);
  pthread_mutex_unlock(&mutex_);
  work(context, 0);
  for (unsigned i = 1; i < kThreads; ++i) Await(workers_[i], State::kIdle);
}

void Workers::End(unsigned thread) {
  Worker& worker = workers_[thread];
  if (worker.state == State::kNone) return;
  pthread_mutex_lock(&mutex_);
  worker.state = State::kLeaving;
  pthread_cond_broadcast(&changed_);
  pthread_mutex_unlock(&mutex_);
  if (pthread_join(worker.thread, nullptr) != 0) Found("a thread was lost");
  worker.state = State::kNone;
}

void Workers::Start(unsigned thread) {
  Worker& worker = workers_[thread];
  if (worker.state != State::kNone) return;
  worker.number = thread;
  worker.all = this;
  worker.state = State::kIdle;
  const int error = pthread_create(&worker.thread, nullptr, Main, &worker);
  if (error != 0) Found("a thread could not be started: %s", strerror(error));
}

void Workers::Give(Worker& worker, Work work, void* context) {
  pthread_mutex_lock(&mutex_);
  worker.work = work;
  worker.context = context;
  worker.state = State::kReady;
  pthread_cond_broadcast(&changed_);
  pthread_mutex_unlock(&mutex_);
}

void Workers::Await(Worker& worker, State state) {
  pthread_mutex_lock(&mutex_);
  while (worker.state != state) pthread_cond_wait(&changed_, &mutex_);
  pthread_mutex_unlock(&mutex_);
}

void* Workers::Main(void* raw_worker) {
  auto& worker = *static_cast<Worker*>(raw_worker);
  Workers& all = *worker.all;
  pthread_mutex_lock(&all.mutex_);
  for (;;) {
    while (worker.state == State::kIdle ||
           (worker.state == State::kReady && all.held_)) {
      pthread_cond_wait(&all.changed_, &all.mutex_);
    }
    if (worker.state == State::kLeaving) break;
    worker.state = State::kRunning;
    pthread_mutex_unlock(&all.mutex_);
    worker.work(worker.context, worker.number);
    pthread_mutex_lock(&all.mutex_);
    worker.state = State::kIdle;
    pthread_cond_broadcast(&all.changed_);
  }
  pthread_mutex_unlock(&all.mutex_);
  return nullptr;
}

}  // namespace bulkhead_fuzz
