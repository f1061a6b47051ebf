// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/page_gate.h"

#include "isolation/arch/gate.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/gate/domain_frame.h"
#include "isolation/monitor/compartments.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {
namespace {

bh_status Enter(ThreadRecord& record, bh_compartment compartment) {
  if (record.depth >= kMostFrames) return BH_ERR_DEPTH;
  for (;;) {
    const bh_result result =
        CallMonitor(record, MonitorCall::kOpenPages, compartment.id,
                    compartment.generation);
    if (result.status != BH_ERR_BUSY) {
      return static_cast<bh_status>(result.status);
    }
    // Somebody tries to destroy it, and may find that it is in use.
    AwaitCompartments(record);
  }
}

void Leave(ThreadRecord& record, bh_compartment compartment) {
  CallMonitor(record, MonitorCall::kClosePages, compartment.id);
}

}  // namespace

bh_result CallByPages(bh_compartment compartment, uint64_t entry,
                      const uint64_t arguments[6]) {
  CompartmentRow& row = bulkhead_compartments[compartment.id];
  ThreadRecord& record = *CurrentRecord();
  bh_status status = Enter(record, compartment);
  if (status != BH_OK) return {0, static_cast<uint64_t>(status)};
  bh_result result = {};
  const auto call = [&] {
    result =
        bulkhead_stack_call(bulkhead_entries[row.first_entry + entry].function,
                            record.stacks[compartment.id], arguments);
  };
  Guarded(
      [&] {
        if (entry >= row.entry_count ||
            bulkhead_entries[row.first_entry + entry].compartment !=
                compartment.id) {
          status = BH_ERR_ENTRY;
          return;
        }
        status = PrepareThread(record, IdOf(row));
        if (status == BH_OK) status = InDomainFrame(record, IdOf(row), call);
      },
      [&] { Leave(record, compartment); });
  return status == BH_OK ? result : bh_result{0, static_cast<uint64_t>(status)};
}

bh_status ScopeByPages(bh_compartment compartment, void (*function)(void*),
                       void* context) {
  CompartmentRow& row = bulkhead_compartments[compartment.id];
  ThreadRecord& record = *CurrentRecord();
  bh_status status = Enter(record, compartment);
  if (status != BH_OK) return status;
  Guarded(
      [&] {
        status = InDomainFrame(record, IdOf(row), [&] { function(context); });
      },
      [&] { Leave(record, compartment); });
  return status;
}

}  // namespace bulkhead
