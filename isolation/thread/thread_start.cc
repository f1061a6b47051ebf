// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// pthread_create and thrd_create, wrapped: a thread starts in the root domain,
// whichever domain its creator was in, and its record is known to be free when
// it ends.

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/gate.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/libc_function.h"
#include "isolation/thread/libc_signals.h"
#include "isolation/thread/remembered.h"
#include "isolation/thread/root_memory.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

// What a thread shall run: a routine of pthread_create() returns void*, one of
// thrd_create() int.
template <typename Result>
struct Start {
  Result (*routine)(void*);
  void* argument;
};

// Runs when a thread ends, which leaves it in the root domain if it was not.
// Other destructors may still allocate after it: the record stays in use until
// the kernel no longer knows the thread.
void SayGoodbye(void*) {
  const bh_result result = CallMonitorFrom(
      kRoot, *CurrentRecord(), MonitorCall::kMarkExiting, 0, 0, 0, 0);
  if (result.status != 0) {
    heap_hooks.report_bad_leave(result, __builtin_return_address(0));
  }
}

__attribute__((constructor)) void MakeExitKey() {
  pthread_key_t key;
  if (pthread_key_create(&key, SayGoodbye) != 0) return;
  Remember(Remembered::kExitKey, uint64_t{key} + 1);
}

template <typename Result>
Result Run(void* raw_start) {
  // The creator's rights end here, before anything of the program runs.
  ThreadRecord* record = AttachThread();
  CloseOwnStack();
  AdoptUserHandler();
  const auto start = *static_cast<Start<Result>*>(raw_start);
  free(raw_start);
  const uint64_t key = Recall(Remembered::kExitKey);
  if (key != 0)
    pthread_setspecific(static_cast<pthread_key_t>(key - 1), record);
  return start.routine(start.argument);
}

// Creates a thread by `create(run, start)`; `no_memory` when there is none.
template <typename Result, typename Create>
int StartThread(Result (*routine)(void*), void* argument, int no_memory,
                Create create) {
  // From the root's heap: the new thread reads it in the root domain.
  auto* start = static_cast<Start<Result>*>(
      bh_malloc(bh_compartment{0, 0}, sizeof(Start<Result>)));
  if (start == nullptr) return no_memory;
  *start = {routine, argument};
  int result;
  {
    // The thread's TLS and its bookkeeping.
    const ServingLibc serving;
    result = create(Run<Result>, start);
  }
  AdoptUserHandler();
  if (result != 0) free(start);
  return result;
}

}  // namespace

bool InstallUserHandler() {
  if (Recall(Remembered::kUserHandler) != 0) {
    AdoptUserHandler();
    return true;
  }
  pthread_t helper;
  const auto do_nothing = [](void* argument) { return argument; };
  if (pthread_create(&helper, nullptr, do_nothing, nullptr) != 0) return false;
  pthread_join(helper, nullptr);
  return Recall(Remembered::kUserHandler) != 0;
}

}  // namespace bulkhead

extern "C" BULKHEAD_API int pthread_create(pthread_t* thread,
                                           const pthread_attr_t* attributes,
                                           void* (*routine)(void*),
                                           void* argument) {
  return bulkhead::StartThread(
      routine, argument, EAGAIN, [&](void* (*run)(void*), void* start) {
        return bulkhead::LibcFunction<decltype(&pthread_create)>(
            "pthread_create", bulkhead::Remembered::kPthreadCreate)(
            thread, attributes, run, start);
      });
}

extern "C" BULKHEAD_API int thrd_create(thrd_t* thread, thrd_start_t routine,
                                        void* argument) {
  static_assert(thrd_success == 0);
  return bulkhead::StartThread(
      routine, argument, thrd_nomem, [&](int (*run)(void*), void* start) {
        return bulkhead::LibcFunction<decltype(&thrd_create)>(
            "thrd_create", bulkhead::Remembered::kThrdCreate)(thread, run,
                                                              start);
      });
}
