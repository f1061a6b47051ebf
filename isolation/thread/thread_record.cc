// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/thread_record.h"

#include <new>

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/sys/lock.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constinit Lock lock;
constinit ThreadRecord* first ABSL_GUARDED_BY(lock) = nullptr;

bool ThreadIsGone(const ThreadRecord& record) {
  return record.tid == 0 || sys::TgKill(sys::GetPid(), record.tid, 0) == -ESRCH;
}

// A record whose thread is gone: of a thread with this thread control block, or
// of one that said goodbye.
ThreadRecord* FindAbandoned(uintptr_t fs_base)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
  for (ThreadRecord* record = first; record != nullptr; record = record->next) {
    if (record->fs_base == fs_base) return record;
  }
  for (ThreadRecord* record = first; record != nullptr; record = record->next) {
    if (record->exiting && ThreadIsGone(*record)) return record;
  }
  return nullptr;
}

ThreadRecord* Make() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
  void* memory = AllocateMetadata(sizeof(ThreadRecord), alignof(ThreadRecord));
  BULKHEAD_CHECK(memory != nullptr, "no memory for a thread's record");
  auto* record = new (memory) ThreadRecord;
  record->self = record;
  record->backend_state = record->backend_storage;
  if (initialise_backend_state != nullptr) {
    initialise_backend_state(record->backend_state);
  }
  record->next = first;
  __atomic_store_n(&first, record, __ATOMIC_RELEASE);
  return record;
}

}  // namespace

constinit StateInitialiser initialise_backend_state = nullptr;

ThreadRecord* AttachThread() {
  const uintptr_t fs_base = ThreadControlBlock();
  ThreadRecord* record;
  {
    LockHolder hold(lock);
    record = FindAbandoned(fs_base);
    if (record == nullptr) record = Make();
    record->fs_base = fs_base;
    record->tid = sys::GetTid();
    record->exiting = false;
  }
  record->depth = 0;
  record->serving_libc = 0;
  record->current = kRoot;
  record->pkru = Pkru{bulkhead_root_pkru};
  for (size_t i = 0; i < BH_MAX_COMPARTMENTS; ++i) {
    record->stacks[i] = record->stack_ends[i];
  }
  if (enforcement == Enforcement::kPku) bulkhead_drop_rights();
  BULKHEAD_CHECK(sys::SetGsBase(record) == 0,
                 "the kernel refused arch_prctl(ARCH_SET_GS)");
  return record;
}

ThreadRecord* FirstRecord() {
  return __atomic_load_n(&first, __ATOMIC_ACQUIRE);
}

void MarkExiting(ThreadRecord* record) {
  LockHolder hold(lock);
  record->exiting = true;
}

void LockThreadRecords() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Acquire(); }
void UnlockThreadRecords() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock.Release(); }

void ForgetOtherThreads() {
  const ThreadRecord* own = RecordAtGs();
  for (ThreadRecord* record = FirstRecord(); record != nullptr;
       record = record->next) {
    if (record == own) {
      record->tid = sys::GetTid();
    } else {
      record->tid = 0;
      record->exiting = true;
    }
  }
}

}  // namespace bulkhead
