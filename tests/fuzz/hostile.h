// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A compartment that has turned against its own heap: with its own rights it
// writes to its thread caches what it likes, and calls the monitor as it likes.
// Its heap may then be anything, and the process may end with a report or a
// fault. What others have must stay as it is.
//
// Code in a vault has its caller's rights, and so may write to the root's heap
// without any help; the rules here keep it from doing so. Where no hardware
// keeps compartments apart they also keep malloc() and free(), which run in the
// hostile domain, from following pointers out of it: only the monitor gets to
// see those.

#ifndef BULKHEAD_TESTS_FUZZ_HOSTILE_H_
#define BULKHEAD_TESTS_FUZZ_HOSTILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "isolation/thread/thread_record.h"
#include "tests/fuzz/allocator_model.h"
#include "tests/fuzz/family.h"
#include "tests/fuzz/hostile_values.h"
#include "tests/fuzz/operations.h"
#include "tests/fuzz/watch.h"
#include "tests/fuzz/workers.h"

namespace bulkhead_fuzz {

class Hostile {
 public:
  Hostile(Family& family, AllocatorModel& model);
  Hostile(const Hostile&) = delete;
  Hostile& operator=(const Hostile&) = delete;

  bool Is(Owner owner) const { return (owners_ >> owner & 1) != 0; }
  bool IsAnyone() const { return owners_ != 0; }
  // Then heaps may hold blocks that a hostile compartment asked the monitor
  // for.
  bool WasAnyone() const { return was_anyone_; }
  // While the root is hostile, threads neither start nor end: libc would use
  // the root's heap for them.
  bool ThreadsMayEnd() const { return !Is(kRootOwner); }

  // Before an operation, or some at once: turns a compartment hostile if it is
  // to, and remembers what must not change. Runs on thread 0.
  void Prepare(const Operation& operation, Workers& workers);
  void PrepareTogether();
  // On which thread to run it: the root is not hostile on thread 0, which needs
  // its heap.
  unsigned ThreadFor(const Operation& operation) const;
  // Whether the operation is for Perform(): of a hostile compartment.
  bool Takes(const Operation& operation) const;
  void Perform(const Operation& operation, unsigned thread);
  // After it: fails by Found() if others' memory has changed.
  void CheckOthers() const;
  // From here on nothing hostile is done.
  void Rest();

  // What was allocated from a hostile heap.
  void TakeLoot(Owner owner, void* pointer);
  // Says which record is the calling thread's.
  void Note(unsigned thread);
  // The owner's heap is gone.
  void Forget(Owner owner);

 private:
  static Owner TargetOf(const Operation& operation);
  static void OnDeath(int signal);

  void Become(Owner owner);
  void Act(const Operation& operation, unsigned thread, Owner owner);
  void PoisonSlots(const Operation& operation, unsigned thread, Owner owner);
  void PoisonCounts(const Operation& operation, unsigned thread, Owner owner);
  void CallTheMonitor(const Operation& operation, Owner owner);
  void CheckGiven(Owner owner, uintptr_t address, size_t size);
  void Allocate(const Operation& operation, Owner owner);
  void Free(const Operation& operation, Owner owner);
  void Resize(const Operation& operation, Owner owner);

  Family& family_;
  AllocatorModel& model_;
  HostileValues values_;
  Watch watch_;
  std::atomic<unsigned> owners_{0};  // a mask: 1 << owner
  bool was_anyone_ = false;
  // Of a thread's cache: malloc() and free() would follow it out of its owner.
  std::atomic<bool> leads_out_[kThreads][kOwners] = {};
  std::atomic<const bulkhead::ThreadRecord*> records_[kThreads] = {};
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_HOSTILE_H_
