// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The one way into the monitor.

#ifndef BULKHEAD_ISOLATION_THREAD_CALL_MONITOR_H_
#define BULKHEAD_ISOLATION_THREAD_CALL_MONITOR_H_

#include "isolation/arch/monitor.h"
#include "isolation/thread/current.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Makes a call of the monitor for the calling thread, whose record this is, in
// the compartment `row` beyond the record's domain, the root if none.
inline bh_result CallMonitorFrom(CompartmentId row, ThreadRecord& record,
                                 MonitorCall call, uint64_t a0, uint64_t a1,
                                 uint64_t a2, uint64_t a3) {
  const auto enter = [&] {
    const auto number = static_cast<uint64_t>(call);
    if (enforcement != Enforcement::kPku) {
      return bulkhead_monitor_plain(number, a0, a1, a2, a3);
    }
    return bulkhead_monitor_pku(number | uint64_t{Index(row)} << 32, a0, a1, a2,
                                a3);
  };
  if (__builtin_expect(MustBlockSignals(record), false)) {
    const SignalsBlocked blocked;
    return enter();
  }
  return enter();
}

// The same for whatever compartment the thread is in. Signals that come
// meanwhile are delivered at its end.
inline bh_result CallMonitor(ThreadRecord& record, MonitorCall call,
                             uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0,
                             uint64_t a3 = 0) {
  const CompartmentId row =
      enforcement == Enforcement::kPku ? CompartmentBeyond(record) : kRoot;
  return CallMonitorFrom(row, record, call, a0, a1, a2, a3);
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_THREAD_CALL_MONITOR_H_
