// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// pthread_exit(), thrd_exit() and pthread_cancel(), wrapped: what libc does for
// the first of them, and keeps, it does for every domain; and its handler of
// the signal that cancels is in place before the first such signal is sent.

#include <execinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <threads.h>

#include "bulkhead/bulkhead.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/libc_function.h"
#include "isolation/thread/libc_signals.h"
#include "isolation/thread/remembered.h"

namespace bulkhead {
namespace {

bool IsRunning() { return reservation.bytes() != 0; }

// libc loads the unwinder.
void LoadUnwinder() {
  if (!IsRunning() || Recall(Remembered::kUnwinderLoaded) != 0) return;
  const ServingLibc serving;
  void* frame[1];
  backtrace(frame, 1);
  Remember(Remembered::kUnwinderLoaded, 1);
}

void* AwaitMutex(void* mutex) {
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
  pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex));
  return nullptr;
}

// libc installs its handler as it cancels a thread, and may send the signal at
// once. So it first cancels one that does not wait, and gets no signal.
// Without memory for it, this is left out.
void InstallCancelHandler() {
  if (!IsRunning() || Recall(Remembered::kCancelHandler) != 0) return;
  const ServingLibc serving;
  const auto create = LibcFunction<decltype(&pthread_create)>(
      "pthread_create", Remembered::kPthreadCreate);
  const auto cancel = LibcFunction<decltype(&pthread_cancel)>(
      "pthread_cancel", Remembered::kPthreadCancel);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_t helper;
  const bool created = create(&helper, nullptr, AwaitMutex, &mutex) == 0;
  if (created) cancel(helper);
  pthread_mutex_unlock(&mutex);
  if (created) pthread_join(helper, nullptr);
  AdoptCancelHandler();
}

}  // namespace
}  // namespace bulkhead

extern "C" BULKHEAD_API void pthread_exit(void* value) {
  bulkhead::LoadUnwinder();
  bulkhead::LibcFunction<decltype(&pthread_exit)>(
      "pthread_exit", bulkhead::Remembered::kPthreadExit)(value);
  __builtin_unreachable();
}

extern "C" BULKHEAD_API void thrd_exit(int value) {
  bulkhead::LoadUnwinder();
  bulkhead::LibcFunction<decltype(&thrd_exit)>(
      "thrd_exit", bulkhead::Remembered::kThrdExit)(value);
  __builtin_unreachable();
}

extern "C" BULKHEAD_API int pthread_cancel(pthread_t thread) {
  bulkhead::InstallCancelHandler();
  return bulkhead::LibcFunction<decltype(&pthread_cancel)>(
      "pthread_cancel", bulkhead::Remembered::kPthreadCancel)(thread);
}
