// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// A signal's handler and the domain that it interrupted. The frame that the
// kernel wrote is the program's to change, but for rights: the thread returns
// by another, which is made here.

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/stacks.h"
#include "isolation/thread/current.h"
#include "isolation/thread/signal_frame.h"

namespace bulkhead {
namespace {

// Takes what was noted of this handler, and of those within it that never
// returned. False: nothing was.
bool TakeInterrupted(ThreadRecord& record, uintptr_t context,
                     Interrupted& taken) {
  const Interrupted* all = InterruptedIn(record);
  for (uint32_t i = record.interruptions; i-- != 0;) {
    if (all[i].context != context) continue;
    taken = all[i];
    record.interruptions = i;
    return true;
  }
  return false;
}

// The rights of what was interrupted: the record's, where nothing else was
// noted; else as noted, in step with the record's if these have changed.
Pkru RightsOf(const ThreadRecord& record, bool is_noted,
              const Interrupted& noted) {
  if (!is_noted) return record.pkru;
  if (noted.refreshes == record.refreshes) return noted.pkru;
  CompartmentId id;
  // Those of the ways into the monitor are nobody's grant.
  if (!FindDomain(noted.pkru, noted.domain_pkru, noted.domain, id)) {
    return noted.pkru;
  }
  return id == noted.domain ? record.pkru
                            : record.pkru & Pkru{RowOf(id).open_mask};
}

}  // namespace

// For a signal's handler, which is back in the root's rights already.
bh_result MonitorPushRoot(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(record.depth < kAllFrames, "a thread's frame stack is full");
  const CompartmentId left = record.current;
  record.frames[record.depth++] = {record.pkru,
                                   left,
                                   left,
                                   kRoot,
                                   record.stacks[Index(left)],
                                   FrameKind::kHandler,
                                   record.fs_base,
                                   record.gate_fs,
                                   0};
  record.fs_next = record.thread_fs;
  SetDomain(record, RootRights(), kRoot);
  return {};
}

// For a handler that does not return to what it interrupted.
bh_result MonitorLeaveAll(ThreadRecord& record, uint64_t, uint64_t, uint64_t,
                          uint64_t) {
  BULKHEAD_CHECK(record.caller == kRoot,
                 "a compartment wanted to leave for the root's domain");
  record.fs_next = record.thread_fs;
  LeaveCompartments(record);
  return {};
}

bh_result MonitorNoteInterrupted(ThreadRecord& record, uint64_t context,
                                 uint64_t pkru, uint64_t has_pushed, uint64_t) {
  Interrupted* all = InterruptedIn(record);
  // What began at this address or below on the same stack is gone.
  while (record.interruptions != 0 &&
         all[record.interruptions - 1].context <= context) {
    --record.interruptions;
  }
  BULKHEAD_CHECK(record.interruptions < kMostInterrupted,
                 "too many handlers interrupt compartments within each other");
  const InterruptedDomain domain(record, has_pushed != 0);
  all[record.interruptions++] = {context, Pkru{static_cast<uint32_t>(pkru)},
                                 domain.pkru, domain.current, record.refreshes};
  return {};
}

// The value is where the frame was made, for the stack pointer.
bh_result MonitorLeaveHandler(ThreadRecord& record, uint64_t context,
                              uint64_t has_pushed, uint64_t, uint64_t) {
  if (has_pushed != 0) PopFrame(record, FrameKind::kHandler);
  Interrupted noted;
  const bool is_noted = TakeInterrupted(record, context, noted);
  return {RebuildFrame(context, record.monitor_stack,
                       RightsOf(record, is_noted, noted)),
          0};
}

}  // namespace bulkhead
