// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// How the kernel treats PKRU when it delivers a signal. Each trial runs in a
// child, since some kernels kill for it.

#include <signal.h>
#include <sys/mman.h>

#include <cstdint>

#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/doctor/child.h"
#include "isolation/doctor/probe.h"
#include "isolation/sys/syscalls.h"

extern "C" {
void bulkhead_doctor_handler(int, siginfo_t*, void*);
extern volatile uint32_t bulkhead_doctor_handler_pkru;
extern volatile uint32_t bulkhead_doctor_handler_ran;
}

namespace bulkhead {
namespace {

constexpr int kPkuError = 4;            // SEGV_PKUERR
constexpr uint32_t kDisableAccess = 1;  // PKEY_DISABLE_ACCESS
constexpr uint32_t kDisableWrite = 2;   // PKEY_DISABLE_WRITE
constexpr size_t kStackBytes = size_t{64} << 10;

// What a child found out. Its last step says how far it came.
struct Report {
  enum Step { kNothing, kReady, kRead, kFaulted, kHandled } step;
  int fault_code;
  int fault_key;
  int key;
  uint32_t before;
  uint32_t after;
};

// Where the handlers below write: the child's view of its report.
volatile Report* current_report = nullptr;

// `bytes` of memory under a fresh key that is closed for the caller, or 0.
uintptr_t ClosedMemory(size_t bytes, Report& report) {
  const long memory =
      sys::Mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  const long key = sys::PkeyAlloc(kDisableAccess);
  if (sys::Failed(memory) || key < 0) return 0;
  const auto begin = static_cast<uintptr_t>(memory);
  report.key = static_cast<int>(key);
  if (sys::PkeyMprotect(begin, bytes, PROT_READ | PROT_WRITE, report.key) !=
      0) {
    return 0;
  }
  return begin;
}

void RecordFault(int, siginfo_t* info, void*) {
  current_report->fault_code = info->si_code;
  current_report->fault_key = static_cast<int>(info->si_pkey);
  current_report->step = Report::kFaulted;
  _exit(0);
}

void ReadClosedPage(Report& report) {
  current_report = &report;
  const uintptr_t page = ClosedMemory(kPageBytes, report);
  if (page == 0) return;
  struct sigaction action = {};
  action.sa_sigaction = RecordFault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
  report.step = Report::kReady;
  static_cast<void>(*reinterpret_cast<volatile char*>(page));
  report.step = Report::kRead;
}

void RecordSignal(int, siginfo_t*, void*) {
  current_report->step = Report::kHandled;
}

void ReturnFromHandler(Report& report) {
  current_report = &report;
  // A key that may be read but not written makes the value one that no kernel
  // starts a process or a handler with.
  if (sys::PkeyAlloc(kDisableWrite) < 0) return;
  struct sigaction action = {};
  action.sa_sigaction = RecordSignal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &action, nullptr);
  report.step = Report::kReady;
  report.before = Bits(ReadPkru());
  sys::TgKill(sys::GetPid(), sys::GetTid(), SIGUSR1);
  report.after = Bits(ReadPkru());
}

void HandleOnClosedStack(Report& report) {
  const uintptr_t memory = ClosedMemory(kStackBytes, report);
  if (memory == 0) return;
  stack_t stack = {};
  stack.ss_sp = reinterpret_cast<void*>(memory);
  stack.ss_size = kStackBytes;
  if (sys::SigAltStack(&stack, nullptr) != 0) return;
  struct sigaction action = {};
  action.sa_sigaction = bulkhead_doctor_handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  report.step = Report::kReady;
  report.before = Bits(ReadPkru());
  sys::TgKill(sys::GetPid(), sys::GetTid(), SIGUSR1);
  report.after = Bits(ReadPkru());
  if (bulkhead_doctor_handler_ran != 0) report.step = Report::kHandled;
}

absl::Status NotMade(const char* what) {
  return absl::UnavailableError(
      std::string("the trial could not be prepared: ") + what);
}

absl::Status TryClosedPage(SignalFacts& facts) {
  Report report = {};
  absl::StatusOr<ChildEnd> end = TryInChild(report, ReadClosedPage);
  if (!end.ok()) return end.status();
  if (report.step == Report::kNothing) return NotMade("a closed page");
  facts.closed_key_stops = report.step == Report::kFaulted ? Trial::kWorks
                           : report.step == Report::kRead  ? Trial::kFails
                                                           : Trial::kKills;
  facts.fault_names_key = report.step == Report::kFaulted &&
                          report.fault_code == kPkuError &&
                          report.fault_key == report.key;
  return absl::OkStatus();
}

absl::Status TryReturn(SignalFacts& facts) {
  Report report = {};
  absl::StatusOr<ChildEnd> end = TryInChild(report, ReturnFromHandler);
  if (!end.ok()) return end.status();
  if (report.step == Report::kNothing) return NotMade("a signal handler");
  facts.return_keeps_rights =
      !end->finished() ? Trial::kKills
      : report.step != Report::kHandled || report.after != report.before
          ? Trial::kFails
          : Trial::kWorks;
  return absl::OkStatus();
}

absl::Status TryClosedStack(SignalFacts& facts) {
  Report report = {};
  absl::StatusOr<ChildEnd> end = TryInChild(report, HandleOnClosedStack);
  if (!end.ok()) return end.status();
  if (report.step == Report::kNothing) return NotMade("a closed signal stack");
  facts.handler_on_closed_stack =
      !end->finished() ? Trial::kKills
      : report.step != Report::kHandled || report.after != report.before
          ? Trial::kFails
          : Trial::kWorks;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SignalFacts> ProbeSignals() {
  SignalFacts facts;
  for (const auto trial : {TryClosedPage, TryReturn, TryClosedStack}) {
    if (absl::Status status = trial(facts); !status.ok()) return status;
  }
  return facts;
}

}  // namespace bulkhead
