// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Handlers of signals that a compartment has installed: entries of it that only
// a signal's delivery calls.

#ifndef BULKHEAD_ISOLATION_GATE_HANDLER_CALL_H_
#define BULKHEAD_ISOLATION_GATE_HANDLER_CALL_H_

namespace bulkhead {

// Has signals call them. Once, at start.
void RegisterHandlerCaller();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GATE_HANDLER_CALL_H_
