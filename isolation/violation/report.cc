// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/report.h"

#include <stdlib.h>

#include "isolation/base/options.h"
#include "isolation/base/output_file.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/violation/facts.h"
#include "isolation/violation/json.h"
#include "isolation/violation/text.h"

namespace bulkhead {
namespace {

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

// Nothing of what a report needs may be written to in a sandbox.
[[noreturn]] void Accuse(ViolationKind kind, const ViolationPlace& place) {
  ThreadRecord& record = *CurrentRecord();
  CallMonitor(record, MonitorCall::kAccuse, static_cast<uint64_t>(kind),
              place.address, place.program_counter);
  // No domain may do this.
  *reinterpret_cast<volatile bool*>(&record.accusation.made) = false;
  Die("a write to metadata was not stopped");
}

void WriteTo(int descriptor, const Facts& facts) {
  const auto form = static_cast<ReportForm>(GetOptions().report);
  if (form == ReportForm::kJson && WriteJson(facts, descriptor)) return;
  WriteText(facts, descriptor);
}

// To log_path; and to stderr where there is none, or none that can be written.
void Write(const Facts& facts) {
  const Options& options = GetOptions();
  const int file = options.log_path[0] == '\0'
                       ? -1
                       : OpenOutputFile("log_path", options.log_path);
  WriteTo(file < 0 ? STDERR_FILENO : file, facts);
}

}  // namespace

constinit BULKHEAD_CONSTANT_AFTER_START ObjectFinder object_finder = nullptr;

void ReportAccusation(const ThreadRecord& record, ViolationPlace place) {
  const Accusation& accusation = record.accusation;
  if (!accusation.made) return;
  place.address = accusation.address;
  place.program_counter = accusation.program_counter;
  place.after_call = true;
  place.access = Access::kNone;
  ReportViolation(KindOf(accusation.kind), place);
}

void ReportViolation(ViolationKind kind, const ViolationPlace& place) {
  if (IsConfined(*CurrentRecord())) Accuse(kind, place);
  BecomeReporter();
  Facts facts{kind, place};
  FindFacts(facts);
  Write(facts);
  abort();
}

}  // namespace bulkhead
