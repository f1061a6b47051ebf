// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What Bulkhead knows of a thread. The record is found through the GS base and
// lives in the metadata region.
//
// A thread has one from its first call into Bulkhead on. A new thread inherits
// its creator's GS base; the FS base in the record tells that it is not its
// own. A record outlives its thread and is adopted, with its jemalloc state and
// its stacks, by a later one: at once by a thread that gets the same thread
// control block, which proves that the former is gone.

#ifndef BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_
#define BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_

#include <cstddef>
#include <cstdint>

#include "isolation/arch/cpu.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"

namespace bulkhead {

inline constexpr size_t kMostFrames = 16;

// The allocator's own state of a thread: as large as jemalloc's needs.
inline constexpr size_t kBackendStateBytes = 4096;

// A domain that the thread left for another and will return to.
struct Frame {
  Pkru pkru;
  CompartmentId current;
  CompartmentId left;  // the compartment that ran
  uintptr_t stack;     // where the next gate into `left` would have started
};

struct alignas(64) ThreadRecord {
  // Read by assembly; see layout.h.
  ThreadRecord* self = nullptr;
  uintptr_t fs_base = 0;
  void* backend_state = nullptr;
  Pkru pkru{0};                   // owned bits in this domain
  CompartmentId current = kRoot;  // whose domain that is

  int tid = 0;
  bool exiting = false;  // its thread said goodbye, and may still run a little
  ThreadRecord* next = nullptr;
  uint32_t depth = 0;  // of frames
  // Above 0, malloc serves the root's heap whatever the domain: libc is making
  // what every domain will use.
  uint32_t serving_libc = 0;
  void* signal_stack = nullptr;

  // The upper end of the thread's stack in each compartment, free part; 0:
  // none.
  alignas(64) uintptr_t stacks[BH_MAX_COMPARTMENTS] = {};
  // The upper end of the whole stack.
  uintptr_t stack_ends[BH_MAX_COMPARTMENTS] = {};

  Frame frames[kMostFrames] = {};

  // Blocks, by owner, that this record's threads handed out and took back.
  uint64_t allocations[BH_MAX_COMPARTMENTS] = {};
  uint64_t frees[BH_MAX_COMPARTMENTS] = {};

  alignas(64) unsigned char backend_storage[kBackendStateBytes] = {};
};
static_assert(offsetof(ThreadRecord, self) == BH_RECORD_SELF);
static_assert(offsetof(ThreadRecord, fs_base) == BH_RECORD_FS_BASE);
static_assert(offsetof(ThreadRecord, backend_state) == BH_RECORD_BACKEND_STATE);
static_assert(offsetof(ThreadRecord, pkru) == BH_RECORD_PKRU);
static_assert(offsetof(ThreadRecord, current) == BH_RECORD_CURRENT);
static_assert(offsetof(ThreadRecord, stacks) == BH_RECORD_STACKS);
static_assert(offsetof(ThreadRecord, stack_ends) == BH_RECORD_STACK_ENDS);

// The record that the GS base points at. REQUIRES: the library is initialised.
inline ThreadRecord* RecordAtGs() {
  ThreadRecord* record;
  __asm__("mov %%gs:%c1, %0" : "=r"(record) : "i"(BH_RECORD_SELF));
  return record;
}

// Finds or makes the calling thread's record and puts the thread into the root
// domain. Runs in: any domain.
ThreadRecord* AttachThread();

// The calling thread's record. REQUIRES: the library is initialised.
inline ThreadRecord* CurrentRecord() {
  ThreadRecord* record = RecordAtGs();
  if (__builtin_expect(record->fs_base == ThreadControlBlock(), true)) {
    return record;
  }
  return AttachThread();
}

// How fresh records' allocator state is set up; set by the allocator before the
// first record is made.
using StateInitialiser = void (*)(void* state);
extern StateInitialiser initialise_backend_state;

// The first of all records; the rest through `next`. Records are never freed.
ThreadRecord* FirstRecord();

// Marks the thread of `record` as leaving.
void MarkExiting(ThreadRecord* record);

// Held around fork(). In the child, all records but the caller's are free.
void LockThreadRecords();
void UnlockThreadRecords();
void ForgetOtherThreads();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_THREAD_RECORD_H_
