// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/report.h"

#include <signal.h>
#include <stdlib.h>
#include <unwind.h>

#include "absl/debugging/symbolize.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/violation/modules.h"

namespace bulkhead {
namespace {

struct KindText {
  const char* name;
  const char* text;
};

constexpr KindText kKinds[] = {
#define BH_KIND(enumerator, name, text) {name, text},
#include "isolation/violation/kinds.inc"
#undef BH_KIND
};

constexpr int kMostFramesShown = 32;

constinit int reporting_tid = 0;

// Lets one thread through. A fault within its own report ends the process.
void BecomeReporter() {
  const int own = sys::GetTid();
  int seen = 0;
  if (__atomic_compare_exchange_n(&reporting_tid, &seen, own, false,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    return;
  }
  if (seen == own) {
    RawLine line;
    line.Text("==").Decimal(sys::GetPid());
    line.Text("==ERROR: Bulkhead: a fault while reporting a violation\n");
    line.WriteTo(STDERR_FILENO);
    for (;;) sys::Call(SYS_exit_group, 134);
  }
  for (;;) sys::Call(SYS_pause);
}

void AppendOwner(RawLine& line, uintptr_t address) {
  CompartmentId owner;
  if (!FindAnyOwner(address, owner)) {
    line.Text(reservation.Contains(address) ? "Bulkhead, or nobody yet"
                                            : "no heap of Bulkhead's");
    return;
  }
  const CompartmentRow& row = RowOf(owner);
  if (owner == kRoot) {
    line.Text("the root's heap");
    return;
  }
  line.Text("compartment '").Text(row.name).Text("'");
  if (row.key != kUntagged) {
    line.Text(" (key ").Decimal(Number(row.key)).Text(")");
  }
  const bool stack = address - row.stack_cages.begin < row.stack_cages.bytes;
  line.Text(stack                       ? ", a stack"
            : FindOwner(address, owner) ? ", its heap"
                                        : ", its variables");
}

// Symbolises `address` into `name`; false: no symbol.
bool NameOf(void* address, char* name, int size) {
  return absl::Symbolize(address, name, size);
}

void AppendCalled(RawLine& line, uintptr_t address) {
  char name[256];
  if (NameOf(reinterpret_cast<void*>(address), name, sizeof(name))) {
    line.Text("\n  called: ").Text(name);
  }
}

void WriteFrame(int number, void* address) {
  char name[256];
  RawLine line;
  line.Text("    #").Decimal(number).Text(" ");
  line.Hex(reinterpret_cast<uintptr_t>(address));
  if (NameOf(address, name, sizeof(name))) line.Text(" in ").Text(name);
  AppendModule(line, reinterpret_cast<uintptr_t>(address));
  line.Text("\n").WriteTo(STDERR_FILENO);
}

// Collects return addresses from the place of the violation outwards.
struct Walk {
  uintptr_t program_counter = 0;
  bool reached = false;
  // Beyond the gate is a sandbox's stack, which who was called back cannot
  // read.
  bool ends_at_gate = false;
  int count = 0;
  void* frames[kMostFramesShown] = {};

  void Add(uintptr_t address) {
    if (count < kMostFramesShown) {
      frames[count++] = reinterpret_cast<void*>(address);
    }
  }
};

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  const uintptr_t address = _Unwind_GetIP(context);
  if (walk.reached && address != 0) {
    walk.Add(address - 1);
  } else if (address == walk.program_counter) {
    walk.reached = true;
  }
  if (walk.ends_at_gate && bulkhead_is_gate(address)) return _URC_END_OF_STACK;
  return walk.count < kMostFramesShown ? _URC_NO_REASON : _URC_END_OF_STACK;
}

// Nothing of what a report needs may be written to in a sandbox.
[[noreturn]] void Accuse(ViolationKind kind, const ViolationPlace& place) {
  ThreadRecord& record = *CurrentRecord();
  CallMonitor(record, MonitorCall::kAccuse, static_cast<uint64_t>(kind),
              place.address, place.program_counter, place.block.bytes);
  // No domain may do this.
  *reinterpret_cast<volatile bool*>(&record.accusation.made) = false;
  Die("a write to metadata was not stopped");
}

void WriteSummary(const KindText& kind, uintptr_t address, void* place) {
  RawLine line;
  line.Text("SUMMARY: Bulkhead: ").Text(kind.name);
  CompartmentId owner;
  if (FindAnyOwner(address, owner) && owner != kRoot) {
    line.Text(" of '").Text(RowOf(owner).name).Text("'");
  }
  char name[256];
  if (place != nullptr && NameOf(place, name, sizeof(name))) {
    line.Text(" in ").Text(name);
  } else if (place != nullptr) {
    AppendModule(line, reinterpret_cast<uintptr_t>(place));
  }
  line.Text("\n").WriteTo(STDERR_FILENO);
}

}  // namespace

void ReportAccusation(const ThreadRecord& record, ViolationPlace place) {
  const Accusation& accusation = record.accusation;
  if (!accusation.made) return;
  BULKHEAD_CHECK(accusation.kind < sizeof(kKinds) / sizeof(kKinds[0]),
                 "no such kind of violation");
  place.address = accusation.address;
  place.program_counter = accusation.program_counter;
  place.after_call = true;
  place.block = accusation.block;
  ReportViolation(static_cast<ViolationKind>(accusation.kind), place);
}

void ReportViolation(ViolationKind kind, const ViolationPlace& place) {
  if (IsConfined(*CurrentRecord())) Accuse(kind, place);
  BecomeReporter();
  const KindText& text = kKinds[static_cast<int>(kind)];
  {
    RawLine line;
    line.Text("==").Decimal(sys::GetPid()).Text("==ERROR: Bulkhead: ");
    line.Text(text.name).Text(" on address ").Hex(place.address);
    line.Text("\n  ").Text(text.text);
    line.Text("\n  address belongs to: ");
    AppendOwner(line, place.address);
    if (kind == ViolationKind::kRefusedCall) AppendCalled(line, place.address);
    if (place.block.bytes != 0) {
      line.Text("\n  block: ").Decimal(static_cast<int64_t>(place.block.bytes));
      line.Text(" bytes at ").Hex(place.block.begin);
    }
    line.Text("\n  current domain: ").Text(RowOf(place.domain).name);
    line.Text("\n  thread: ").Decimal(sys::GetTid()).Text("\n");
    line.WriteTo(STDERR_FILENO);
  }
  Walk walk;
  walk.program_counter = place.program_counter;
  walk.ends_at_gate = WasCalledBack(*CurrentRecord());
  walk.Add(place.program_counter - (place.after_call ? 1 : 0));
  if (place.stack_readable) _Unwind_Backtrace(AddFrame, &walk);
  for (int i = 0; i < walk.count; ++i) WriteFrame(i, walk.frames[i]);
  WriteSummary(text, place.address, walk.frames[0]);
  abort();
}

}  // namespace bulkhead
