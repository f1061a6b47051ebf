// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Reports of pointers that may not be freed.

#ifndef BULKHEAD_ALLOCATOR_HEAP_BAD_FREE_H_
#define BULKHEAD_ALLOCATOR_HEAP_BAD_FREE_H_

#include <cstddef>
#include <cstdint>

#include "allocator/heap/heap_monitor.h"
#include "bulkhead/bulkhead.h"
#include "isolation/base/ids.h"
#include "isolation/thread/thread_record.h"
#include "isolation/violation/report.h"

namespace bulkhead {

// As ObjectFinder says.
bool FindObject(uintptr_t address, HeapObject& object);

// A pointer that a caller handed to free() or its kin.
class BadFree {
 public:
  // `record` is the calling thread's, `return_address` what the report names.
  BadFree(ThreadRecord& record, uintptr_t address, const void* return_address)
      : record_(record), address_(address), return_address_(return_address) {}

  [[noreturn]] void Report(ViolationKind kind) const;

  // Reports what the monitor answered, which is not kDone.
  [[noreturn]] void ReportStatus(FreeStatus status) const;

  // Reports what the heap knows of the address, which was no block in use when
  // the caller looked.
  [[noreturn]] void ReportState() const;

  // As above; returns if it is the start of a block in use.
  void ReportUnlessInUse() const;

  // The usable size of the block that starts there; reports if none does.
  size_t SizeInUse() const;

 private:
  ThreadRecord& record_;
  uintptr_t address_;
  const void* return_address_;
};

// Reports what a flush of the compartment's cache found.
[[noreturn]] void ReportBadFlush(bh_result result, CompartmentId id,
                                 const void* return_address);

// The same for the caches of a thread that ends, as MarkExiting answered.
[[noreturn]] void ReportBadLeave(bh_result result, const void* return_address);

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_BAD_FREE_H_
