// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The rights of domains. All of it runs in the monitor.

#ifndef BULKHEAD_ISOLATION_MONITOR_RIGHTS_H_
#define BULKHEAD_ISOLATION_MONITOR_RIGHTS_H_

#include "isolation/arch/pkru.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/thread/thread_record.h"

namespace bulkhead {

// Those in the compartment's domain, for a caller with these.
Pkru RightsIn(const CompartmentRow& row, Pkru callers);

// Has the record's rights, and those that its frames lead back to, follow from
// what is granted now. Its thread is the caller, whose PKRU follows as the
// monitor is left.
void RefreshRights(ThreadRecord& record);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_MONITOR_RIGHTS_H_
