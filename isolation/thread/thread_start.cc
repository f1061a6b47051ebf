// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// pthread_create and thrd_create, wrapped: a thread starts in the root domain,
// whichever domain its creator was in, and its record is known to be free when
// it ends.

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

constinit pthread_key_t exit_key = 0;
constinit bool exit_key_made = false;

// What a thread shall run: a routine of pthread_create() returns void*, one of
// thrd_create() int.
template <typename Result>
struct Start {
  Result (*routine)(void*);
  void* argument;
};

// Runs when a thread ends. Other destructors may still allocate after it: the
// record stays in use until the kernel no longer knows the thread.
void SayGoodbye(void* record) {
  MarkExiting(static_cast<ThreadRecord*>(record));
}

__attribute__((constructor)) void MakeExitKey() {
  exit_key_made = pthread_key_create(&exit_key, SayGoodbye) == 0;
}

template <typename Result>
Result Run(void* raw_start) {
  // The creator's rights end here, before anything of the program runs.
  ThreadRecord* record = AttachThread();
  const auto start = *static_cast<Start<Result>*>(raw_start);
  free(raw_start);
  if (exit_key_made) pthread_setspecific(exit_key, record);
  return start.routine(start.argument);
}

// libc's function of that name, found once and kept in `known`.
template <typename Function>
Function Next(const char* name, Function& known) {
  Function found = __atomic_load_n(&known, __ATOMIC_ACQUIRE);
  if (found == nullptr) {
    found = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
    BULKHEAD_CHECK(found != nullptr, "libc cannot create threads");
    __atomic_store_n(&known, found, __ATOMIC_RELEASE);
  }
  return found;
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
  // The thread's TLS and its bookkeeping are for every domain, and outlive the
  // compartment that the creator may be in.
  ThreadRecord* record = CurrentRecord();
  ++record->serving_libc;
  const int result = create(Run<Result>, start);
  --record->serving_libc;
  if (result != 0) free(start);
  return result;
}

constinit decltype(&pthread_create) next_pthread_create = nullptr;
constinit decltype(&thrd_create) next_thrd_create = nullptr;

}  // namespace
}  // namespace bulkhead

extern "C" BULKHEAD_API int pthread_create(pthread_t* thread,
                                           const pthread_attr_t* attributes,
                                           void* (*routine)(void*),
                                           void* argument) {
  return bulkhead::StartThread(
      routine, argument, EAGAIN, [&](void* (*run)(void*), void* start) {
        return bulkhead::Next("pthread_create", bulkhead::next_pthread_create)(
            thread, attributes, run, start);
      });
}

extern "C" BULKHEAD_API int thrd_create(thrd_t* thread, thrd_start_t routine,
                                        void* argument) {
  static_assert(thrd_success == 0);
  return bulkhead::StartThread(
      routine, argument, thrd_nomem, [&](int (*run)(void*), void* start) {
        return bulkhead::Next("thrd_create", bulkhead::next_thrd_create)(
            thread, run, start);
      });
}
