// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// pthread_cancel(), wrapped: libc's handler of the signal that cancels is in
// place before the first such signal is sent.

#include <pthread.h>

#include "bulkhead/bulkhead.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/libc_function.h"
#include "isolation/thread/libc_signals.h"
#include "isolation/thread/remembered.h"

namespace bulkhead {
namespace {

bool IsRunning() { return reservation.bytes() != 0; }

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

extern "C" BULKHEAD_API int pthread_cancel(pthread_t thread) {
  bulkhead::InstallCancelHandler();
  return bulkhead::LibcFunction<decltype(&pthread_cancel)>(
      "pthread_cancel", bulkhead::Remembered::kPthreadCancel)(thread);
}
