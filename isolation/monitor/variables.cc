// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/variables.h"

#include "isolation/domain/cages.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/compartments.h"

namespace bulkhead {

bh_result MonitorAdoptVariables(ThreadRecord&, uint64_t handle, uint64_t begin,
                                uint64_t bytes, uint64_t) {
  LockCompartments();
  bh_status status = BH_ERR_DESTROYED;
  CompartmentRow* row = FindLive(AsHandle(handle));
  if (row != nullptr && IdOf(*row) != kRoot) {
    LockHolder hold(row->heap_lock);
    status = AdoptVariables(*row, {begin, bytes}, HeapProtection(*row));
  }
  UnlockCompartments();
  return {0, static_cast<uint64_t>(status)};
}

}  // namespace bulkhead
