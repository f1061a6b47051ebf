// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/gate/domain_frame.h"

#include "isolation/base/raw_log.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {

bool PushDomainFrame(ThreadRecord& record, CompartmentId next) {
  return CallMonitor(record, MonitorCall::kPushFrame, Index(next)).status == 0;
}

void PopDomainFrame(ThreadRecord& record) {
  BULKHEAD_CHECK(record.depth > 0, "a thread's frame stack is empty");
  // The way back leads beyond the domain that is the record's after it.
  const CompartmentId beyond = record.frames[record.depth - 1].beyond;
  CallMonitorFrom(beyond, record, MonitorCall::kPopFrame, 0, 0, 0, 0);
}

}  // namespace bulkhead
