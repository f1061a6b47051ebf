// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/remembered.h"

#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

constinit BULKHEAD_SEALED uint64_t slots[kRememberedSlots] = {};

}  // namespace

uint64_t Recall(Remembered slot) {
  return __atomic_load_n(&slots[static_cast<uint64_t>(slot)], __ATOMIC_ACQUIRE);
}

void Remember(Remembered slot, uint64_t value) {
  CallMonitor(*CurrentRecord(), MonitorCall::kRemember,
              static_cast<uint64_t>(slot), value);
}

void KeepInSlot(uint64_t slot, uint64_t value) {
  BULKHEAD_CHECK(slot < kRememberedSlots, "no such slot to remember in");
  uint64_t none = 0;
  __atomic_compare_exchange_n(&slots[slot], &none, value, false,
                              __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

}  // namespace bulkhead
