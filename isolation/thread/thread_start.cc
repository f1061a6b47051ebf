// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// pthread_create, wrapped: a thread starts in the root domain, whichever domain
// its creator was in, and its record is known to be free when it ends.

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "bulkhead/bulkhead.h"
#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

using Routine = void* (*)(void*);
using PthreadCreate = int (*)(pthread_t*, const pthread_attr_t*, Routine,
                              void*);

constinit pthread_key_t exit_key = 0;
constinit bool exit_key_made = false;

struct Start {
  Routine routine;
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

void* Run(void* raw_start) {
  // The creator's rights end here, before anything of the program runs.
  ThreadRecord* record = AttachThread();
  const Start start = *static_cast<Start*>(raw_start);
  free(raw_start);
  if (exit_key_made) pthread_setspecific(exit_key, record);
  return start.routine(start.argument);
}

PthreadCreate Next() {
  static PthreadCreate next = nullptr;
  PthreadCreate found = __atomic_load_n(&next, __ATOMIC_ACQUIRE);
  if (found == nullptr) {
    found = reinterpret_cast<PthreadCreate>(dlsym(RTLD_NEXT, "pthread_create"));
    BULKHEAD_CHECK(found != nullptr, "libc has no pthread_create");
    __atomic_store_n(&next, found, __ATOMIC_RELEASE);
  }
  return found;
}

}  // namespace
}  // namespace bulkhead

extern "C" BULKHEAD_API int pthread_create(pthread_t* thread,
                                           const pthread_attr_t* attributes,
                                           void* (*routine)(void*),
                                           void* argument) {
  // From the root's heap: the new thread reads it in the root domain.
  auto* start = static_cast<bulkhead::Start*>(
      bh_malloc(bh_compartment{0, 0}, sizeof(bulkhead::Start)));
  if (start == nullptr) return EAGAIN;
  *start = {routine, argument};
  // The thread's TLS and its bookkeeping are for every domain, and outlive the
  // compartment that the creator may be in.
  bulkhead::ThreadRecord* record = bulkhead::CurrentRecord();
  ++record->serving_libc;
  const int result =
      bulkhead::Next()(thread, attributes, bulkhead::Run, start);
  --record->serving_libc;
  if (result != 0) free(start);
  return result;
}
