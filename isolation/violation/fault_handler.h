// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// SIGSEGV handler: turns faults on compartments' memory into reports and passes
// every other on to whoever handled it before.

#ifndef BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_
#define BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_

namespace bulkhead {

// Installs the handler. A program that installs its own later replaces it, and
// with it the reports; what is enforced stays enforced.
void InstallFaultHandler();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_VIOLATION_FAULT_HANDLER_H_
