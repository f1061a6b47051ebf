// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/process.h"

#include "isolation/arch/cpu.h"
#include "isolation/arch/gate.h"
#include "isolation/base/options.h"
#include "isolation/base/process_stack.h"
#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/thread_record.h"

constinit uint32_t bulkhead_owned_pkru = 0;
constinit uint32_t bulkhead_root_pkru = 0;
constinit uintptr_t bulkhead_metadata_begin = 0;
constinit size_t bulkhead_metadata_bytes = 0;
constinit uint32_t bulkhead_vector_state = BH_VECTOR_SSE;

namespace bulkhead {
namespace {

constinit KeyPool keys;
constinit KeyAbsence absence = KeyAbsence::kNone;

[[noreturn]] void Refuse(RawLine& line) {
  line.Text("\n").WriteTo(STDERR_FILENO);
  for (;;) sys::Call(SYS_exit_group, 2);
}

void ChooseEnforcement(const Options& options) {
  const auto backend = static_cast<Backend>(options.backend);
  const auto required = static_cast<Requirement>(options.require);
  enforcement = Enforcement::kMprotect;
  if (backend != Backend::kMprotect) {
    absence = keys.TakeAll(options.keys_left);
    if (absence == KeyAbsence::kNone) enforcement = Enforcement::kPku;
  }
  if (enforcement == Enforcement::kPku) {
    bulkhead_owned_pkru = Bits(keys.owned());
    bulkhead_root_pkru = Bits(keys.closed());
    bulkhead_vector_state = VectorState();
    return;
  }
  RawLine line;
  if (backend == Backend::kPku) {
    line.Text("bulkhead: backend=pku is not to be had: ");
    Refuse(line.Text(AbsenceText(absence)));
  }
  if (required == Requirement::kPku) {
    line.Text("bulkhead: require=pku, but ");
    if (backend == Backend::kMprotect) {
      Refuse(line.Text("backend=mprotect was asked for"));
    }
    Refuse(line.Text(AbsenceText(absence)));
  }
}

void SayStart(const Options& options) {
  if (options.verbose == 0) return;
  RawLine line;
  line.Text("bulkhead: ").Text(ReadProcessStack().program).Text(": ");
  if (enforcement == Enforcement::kPku) {
    line.Text("compartments are enforced by ").Decimal(keys.taken());
    line.Text(" protection keys");
  } else {
    line.Text(
        "compartments are enforced by page protection, for the whole "
        "process");
    if (absence != KeyAbsence::kNone) {
      line.Text(" (").Text(AbsenceText(absence)).Text(")");
    }
  }
  line.Text("; ").Decimal(static_cast<int64_t>(reservation.bytes() >> 20));
  line.Text(" MiB reserved\n").WriteTo(STDERR_FILENO);
}

}  // namespace

void StartProcess() {
  const Options& options = GetOptions();
  ChooseEnforcement(options);
  if (!reservation.Reserve(options.reserve_gib << 30)) {
    RawLine line;
    Refuse(
        line.Text("bulkhead: the kernel grants not even 64 MiB of address "
                  "space for the heap; raise the limit (ulimit -v)"));
  }
  bulkhead_metadata_begin = reservation.metadata().begin;
  bulkhead_metadata_bytes = reservation.metadata().bytes;
  AttachThread();
  SayStart(options);
}

KeyPool& Keys() { return keys; }

KeyAbsence WhyNoKeys() { return absence; }

}  // namespace bulkhead
