// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Without keys: a compartment's pages, opened for the first visit and closed
// after the last.

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/monitor/calls.h"

namespace bulkhead {

// BH_ERR_BUSY: the compartment is being destroyed, and may live on.
bh_result MonitorOpenPages(ThreadRecord&, uint64_t id, uint64_t generation,
                           uint64_t, uint64_t) {
  if (id == 0 || id >= BH_MAX_COMPARTMENTS) return {0, BH_ERR_DESTROYED};
  CompartmentRow& row = bulkhead_compartments[id];
  {
    LockHolder hold(row.heap_lock);
    if (row.generation != generation || row.state == BH_STATE_FREE) {
      return {0, BH_ERR_DESTROYED};
    }
    if (row.state != BH_STATE_LIVE) return {0, BH_ERR_BUSY};
    if (row.threads_inside++ != 0) return {};
    if (!UpdateProtection(row)) {
      --row.threads_inside;
      BULKHEAD_CHECK(UpdateProtection(row),
                     "a half-opened compartment could not be closed");
      return {0, BH_ERR_KERNEL};
    }
  }
  BULKHEAD_CHECK(UpdateWhatIsGrantedTo(IdOf(row)),
                 "the kernel refused to open what is granted");
  return {};
}

bh_result MonitorClosePages(ThreadRecord&, uint64_t id, uint64_t, uint64_t,
                            uint64_t) {
  BULKHEAD_CHECK(id != 0 && id < BH_MAX_COMPARTMENTS, "no such compartment");
  CompartmentRow& row = bulkhead_compartments[id];
  {
    LockHolder hold(row.heap_lock);
    BULKHEAD_CHECK(row.threads_inside != 0,
                   "the end of a visit that nobody began");
    if (--row.threads_inside != 0) return {};
    BULKHEAD_CHECK(UpdateProtection(row),
                   "the kernel refused to close a compartment");
  }
  BULKHEAD_CHECK(UpdateWhatIsGrantedTo(IdOf(row)),
                 "the kernel refused to close what is granted");
  return {};
}

}  // namespace bulkhead
