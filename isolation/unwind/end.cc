// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// exit(), pthread_exit() and thrd_exit(), wrapped. exit() leaves a vault first,
// so that what runs at the end has the root's rights; libc itself unwinds a
// thread that ends. In a sandbox each of them ends the call: its caller gets
// BH_ERR_ENDED.

#include <execinfo.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/libc/forward.h"
#include "isolation/thread/current.h"
#include "isolation/thread/libc_function.h"
#include "isolation/unwind/leave.h"

namespace bulkhead {
namespace {

using LibcsExit = void(int);

bool IsInCompartment() {
  if (!HasHadCompartments()) return false;
  const ThreadRecord* record = FindOwnRecord();
  return record != nullptr && CurrentCompartment(*record) != kRoot;
}

// In the first word: libc's function.
void ExitFromRoot(const Goal& goal, uintptr_t gate_stack) {
  // With keys the root may have been called back; without, a visit is ended
  // last.
  const bool may_end = gate_stack == 0 || enforcement == Enforcement::kPku;
  if (!may_end || IsInCompartment()) return;
  reinterpret_cast<LibcsExit*>(goal.words[0])(goal.value);
}

void EndCallOfSandbox() {
  if (RunsInSandbox()) LeaveGates({[](const Goal&, uintptr_t) {}});
}

// What libc keeps of the unwinder that it loads, it keeps for every domain.
void LoadUnwinder() {
  if (reservation.bytes() == 0 || Recall(Remembered::kUnwinderLoaded) != 0) {
    return;
  }
  const ServingLibc serving;
  void* frame[1];
  backtrace(frame, 1);
  Remember(Remembered::kUnwinderLoaded, 1);
}

}  // namespace
}  // namespace bulkhead

BULKHEAD_SERVES void exit(int status) {
  bulkhead::EndCallOfSandbox();
  bulkhead::LibcsExit* const libcs = BULKHEAD_LIBCS(exit);
  if (bulkhead::IsInCompartment()) {
    bulkhead::LeaveGates(
        {bulkhead::ExitFromRoot, {reinterpret_cast<uintptr_t>(libcs)}, status});
  }
  libcs(status);
  __builtin_unreachable();
}

BULKHEAD_SERVES void pthread_exit(void* value) {
  bulkhead::EndCallOfSandbox();
  bulkhead::LoadUnwinder();
  BULKHEAD_LIBCS(pthread_exit)(value);
  __builtin_unreachable();
}

BULKHEAD_SERVES void thrd_exit(int value) {
  bulkhead::EndCallOfSandbox();
  bulkhead::LoadUnwinder();
  BULKHEAD_LIBCS(thrd_exit)(value);
  __builtin_unreachable();
}
