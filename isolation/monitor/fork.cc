// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// fork(): every lock of Bulkhead, of its heap and of libc's streams is free in
// the child, and what the child's other threads had is given up.

#include <pthread.h>

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/monitor/compartments.h"
#include "isolation/thread/thread_record.h"

// glibc's lock of the list of streams (libio.h). fork() takes it after its
// handlers ran; a thread that holds it may wait for a heap lock, so it comes
// first.
extern "C" {
void _IO_list_lock(void);
void _IO_list_unlock(void);
void _IO_list_resetlock(void);
}

namespace bulkhead {
namespace {

bool IsRunning() { return heap_hooks.before_fork != nullptr; }

void BeforeFork() {
  _IO_list_lock();
  if (!IsRunning()) return;
  LockCompartments();
  LockThreadRecords();
  heap_hooks.before_fork();
  LockCages();
  LockMetadataRegion();
}

void Unlock(void (*after_fork)()) {
  UnlockMetadataRegion();
  UnlockCages();
  after_fork();
  UnlockThreadRecords();
  UnlockCompartments();
}

void AfterForkInParent() {
  if (IsRunning()) Unlock(heap_hooks.after_fork_in_parent);
  _IO_list_unlock();
}

// Without keys: counts only this thread's visits, and closes what only others
// had opened.
void CloseForOtherThreads(const ThreadRecord& record) {
  for (CompartmentRow& row : bulkhead_compartments) {
    const CompartmentId id = IdOf(row);
    if (id == kRoot || row.threads_inside == 0) continue;
    uint32_t own = record.current == id ? 1 : 0;
    for (uint32_t i = 0; i < record.depth; ++i) {
      if (record.frames[i].current == id) ++own;
    }
    row.threads_inside = own;
    LockHolder hold(row.heap_lock);
    BULKHEAD_CHECK(own != 0 || SetAccessible(row, false),
                   "the kernel refused to close a compartment after fork");
  }
}

void AfterForkInChild() {
  _IO_list_resetlock();
  if (!IsRunning()) return;
  ForgetOtherThreads();
  Unlock(heap_hooks.after_fork_in_child);
  CloseForOtherThreads(*CurrentRecord());
}

__attribute__((constructor)) void RegisterForkHandlers() {
  BULKHEAD_CHECK(
      pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild) == 0,
      "pthread_atfork failed");
}

}  // namespace
}  // namespace bulkhead
