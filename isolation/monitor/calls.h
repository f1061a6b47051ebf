// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The handlers of the monitor's calls. Each runs in the monitor: it calls
// nothing of libc, writes to metadata alone, and loads what it is given once.

#ifndef BULKHEAD_ISOLATION_MONITOR_CALLS_H_
#define BULKHEAD_ISOLATION_MONITOR_CALLS_H_

#include "isolation/arch/monitor.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

#define BH_MONITOR_CALL(name, who, arguments)                             \
  bh_result Monitor##name(ThreadRecord& record, uint64_t a0, uint64_t a1, \
                          uint64_t a2, uint64_t a3);
#include "isolation/arch/monitor_calls.inc"
#undef BH_MONITOR_CALL

// The answer of a call that did nothing: a bh_status or one of BH_GATE_.
constexpr bh_result Refused(uint64_t why) { return {0, why}; }

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_CALLS_H_
