// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What Bulkhead makes of a SIGSEGV before the program sees it: mends what it
// caused itself, reports violations, and leaves every other fault alone.

#ifndef BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_
#define BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_

namespace bulkhead {

// Makes it the fault_handler of isolation/thread. Once, at start.
void RegisterFaultHandler();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_
