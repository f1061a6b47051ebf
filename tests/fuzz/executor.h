// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Runs lists of operations in this process, and compares what the allocator
// does with the model. Whatever must not be ends the process: see Found().

#ifndef BULKHEAD_TESTS_FUZZ_EXECUTOR_H_
#define BULKHEAD_TESTS_FUZZ_EXECUTOR_H_

#include <cstddef>

#include "tests/fuzz/allocator_model.h"
#include "tests/fuzz/domains.h"
#include "tests/fuzz/family.h"
#include "tests/fuzz/hostile.h"
#include "tests/fuzz/operations.h"
#include "tests/fuzz/workers.h"

namespace bulkhead_fuzz {

class Executor {
 public:
  explicit Executor(Family& family)
      : family_(family), model_(OwnsAddress), hostile_(family, model_) {}

  // Runs the operations, and looks at every block at the end.
  void Play(const OperationList& list);
  // Frees every block, and ends threads and compartments.
  void CleanUp();

  const AllocatorModel& model() const { return model_; }
  Workers& workers() { return workers_; }

 private:
  // The slots that an operation's are taken from.
  struct Place {
    size_t first = 0;
    size_t slots = kSlots;
    bool alone = true;  // no other thread runs an operation meanwhile
  };

  void PlayOne(const Operation& operation);
  void PlayTogether(const Operation* first, size_t count);
  void EndThread(unsigned thread);
  void Destroy(Owner owner);
  void Perform(const Operation& operation, unsigned thread, Place place);
  void Allocate(const Operation& operation, Place place);
  void Settle(const Operation& operation, Owner owner, size_t slot,
              void* pointer);
  void ClearSlots(const Operation& operation, size_t count, Place place);
  void Free(Kind kind, size_t slot, Place place);
  void Resize(const Operation& operation, size_t slot, Place place);
  void CheckSize(size_t slot);
  void Refuse(const Operation& operation, size_t slot);
  void Measure();
  void Fork(const Operation& operation, Place place);
  void CheckAll();

  // Calls work(slot) for each live slot of the operation, in a domain that may
  // write to the block.
  template <typename Work>
  void ForEachBlock(const Path& path, const Operation& operation, size_t count,
                    Place place, Work work);

  Family& family_;
  AllocatorModel model_;
  Hostile hostile_;
  Workers workers_;
};

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_EXECUTOR_H_
