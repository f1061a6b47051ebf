// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What one compartment holds, size class by size class, and in all. fields.inc
// says what each number means.
//
//   allocations = frees + live + cached + abandoned
//
// Each number is of some moment while the snapshot was taken: while other
// threads run, the equation holds and the moments differ. `cached`, and with it
// `live`, rests on what the compartment's own memory says.
//
// Thread safety: each thread with its own object. Not signal-safe. Nothing here
// allocates.

#ifndef BULKHEAD_ALLOCATOR_STATS_SNAPSHOT_H_
#define BULKHEAD_ALLOCATOR_STATS_SNAPSHOT_H_

#include <cstdint>

#include "allocator/heap/measure.h"
#include "allocator/stats/resident.h"
#include "isolation/domain/compartment_table.h"

namespace bulkhead {

struct ClassUse {
#define BH_CLASS_FIELD(name, meaning) uint64_t name = 0;
#include "allocator/stats/fields.inc"
};

struct HeapUse {
#define BH_HEAP_FIELD(name, meaning) uint64_t name = 0;
#include "allocator/stats/fields.inc"
};

class Snapshot {
 public:
  // Of the compartment that lives in the row.
  explicit Snapshot(const CompartmentRow& row);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // False: none does.
  bool ok() const { return ok_; }

  bh_compartment compartment() const { return compartment_; }
  const char* name() const { return name_; }

  // The next size class that ever had a block; false at the end.
  bool Next(ClassUse& use);

  // Complete, with the sums over all classes, when Next() has returned false.
  const HeapUse& heap() const { return heap_; }

 private:
  void Locate(const CompartmentPages& pages);

  bh_compartment compartment_ = {0, 0};
  ClassReader classes_;
  bool ok_ = false;
  char name_[kNameBytes] = {};
  HeapUse heap_;
  uint64_t resident_[kAllClasses] = {};
};

// Calls `visit(snapshot)` for each compartment that lives, the root first.
template <typename Visitor>
void ForEachSnapshot(Visitor visit) {
  for (const CompartmentRow& row : bulkhead_compartments) {
    Snapshot snapshot(row);
    if (snapshot.ok()) visit(snapshot);
  }
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_STATS_SNAPSHOT_H_
