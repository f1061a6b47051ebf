// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// fork(): every lock of Bulkhead, of its heap and of libc's streams is free in
// the child, and what the child's other threads had is given up.

#include <pthread.h>

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/heap_hooks.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/monitor/annotations.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/rights.h"
#include "isolation/thread/call_monitor.h"
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

void Unlock(void (*after_fork)()) {
  UnlockMetadataRegion();
  UnlockCages();
  after_fork();
  UnlockThreadRecords();
  UnlockCompartments();
}

// Without keys: counts only this thread's visits, and closes what only others
// had opened.
void CloseForOtherThreads(const ThreadRecord& record) {
  for (CompartmentRow& row : bulkhead_compartments) {
    const CompartmentId id = IdOf(row);
    if (id == kRoot || row.threads_inside == 0) continue;
    const uint32_t own = VisitsOf(record, id);
    row.threads_inside = own;
    {
      LockHolder hold(row.heap_lock);
      BULKHEAD_CHECK(own != 0 || UpdateProtection(row),
                     "the kernel refused to close a compartment after fork");
    }
    BULKHEAD_CHECK(UpdateWhatIsGrantedTo(id),
                   "the kernel refused to close what is granted after fork");
  }
}

void BeforeFork() {
  _IO_list_lock();
  LockSearches();
  if (IsRunning()) CallMonitor(*CurrentRecord(), MonitorCall::kBeforeFork);
}

void AfterForkInParent() {
  if (IsRunning()) {
    CallMonitor(*CurrentRecord(), MonitorCall::kAfterForkInParent);
  }
  UnlockSearches();
  _IO_list_unlock();
}

void AfterForkInChild() {
  _IO_list_resetlock();
  if (IsRunning()) {
    CallMonitor(*CurrentRecord(), MonitorCall::kAfterForkInChild);
  }
  UnlockSearches();
}

__attribute__((constructor)) void RegisterForkHandlers() {
  BULKHEAD_CHECK(
      pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild) == 0,
      "pthread_atfork failed");
}

}  // namespace

bh_result MonitorBeforeFork(ThreadRecord&, uint64_t, uint64_t, uint64_t,
                            uint64_t) {
  LockCompartments();
  LockThreadRecords();
  heap_hooks.before_fork();
  LockCages();
  LockMetadataRegion();
  return {};
}

bh_result MonitorAfterForkInParent(ThreadRecord&, uint64_t, uint64_t, uint64_t,
                                   uint64_t) {
  Unlock(heap_hooks.after_fork_in_parent);
  return {};
}

bh_result MonitorAfterForkInChild(ThreadRecord& record, uint64_t, uint64_t,
                                  uint64_t, uint64_t) {
  ForgetOtherThreads(record);
  Unlock(heap_hooks.after_fork_in_child);
  heap_hooks.abandon(record);
  CloseForOtherThreads(record);
  // The thread that changed a grant may not have come here with the rest.
  RefreshRights(record);
  return {};
}

}  // namespace bulkhead
