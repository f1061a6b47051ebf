// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/page_gate.h"

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/domain_frame.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

// Counts this thread into the row and opens its pages for the first one.
bh_status Open(CompartmentRow& row, bh_compartment compartment) {
  LockHolder hold(row.heap_lock);
  if (FindLive(compartment) != &row) return BH_ERR_DESTROYED;
  if (row.threads_inside++ == 0 && !SetAccessible(row, true)) {
    --row.threads_inside;
    BULKHEAD_CHECK(SetAccessible(row, false),
                   "a half-opened compartment could not be closed");
    return BH_ERR_KERNEL;
  }
  return BH_OK;
}

void Close(CompartmentRow& row) {
  LockHolder hold(row.heap_lock);
  if (--row.threads_inside != 0) return;
  BULKHEAD_CHECK(SetAccessible(row, false),
                 "the kernel refused to close a compartment");
}

bh_status Enter(ThreadRecord& record, CompartmentRow& row,
                bh_compartment compartment) {
  if (record.depth == kMostFrames) return BH_ERR_DEPTH;
  const bh_status status = Open(row, compartment);
  // While the state is CLOSING, somebody may yet find the compartment in use.
  if (status != BH_ERR_DESTROYED || row.generation != compartment.generation ||
      row.state == BH_STATE_FREE) {
    return status;
  }
  AwaitCompartments();
  return Open(row, compartment);
}

}  // namespace

bh_result CallByPages(bh_compartment compartment, uint64_t entry,
                      const Arguments& arguments) {
  CompartmentRow& row = bulkhead_compartments[compartment.id];
  ThreadRecord& record = *CurrentRecord();
  bh_status status = Enter(record, row, compartment);
  if (status != BH_OK) return {0, static_cast<uint64_t>(status)};
  uint64_t value = 0;
  if (entry >= row.entry_count ||
      bulkhead_entries[row.first_entry + entry].compartment != compartment.id) {
    status = BH_ERR_ENTRY;
  } else {
    status = PrepareThread(record, row);
  }
  if (status == BH_OK) {
    DomainFrame frame(record, IdOf(row));
    value =
        bulkhead_stack_call(bulkhead_entries[row.first_entry + entry].function,
                            record.stacks[compartment.id], arguments.word);
  }
  Close(row);
  return {value, static_cast<uint64_t>(status)};
}

bh_status ScopeByPages(bh_compartment compartment, void (*function)(void*),
                       void* context) {
  CompartmentRow& row = bulkhead_compartments[compartment.id];
  ThreadRecord& record = *CurrentRecord();
  const bh_status status = Enter(record, row, compartment);
  if (status != BH_OK) return status;
  {
    DomainFrame frame(record, IdOf(row));
    function(context);
  }
  Close(row);
  return BH_OK;
}

}  // namespace bulkhead
