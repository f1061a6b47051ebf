// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/process.h"

#include <sys/utsname.h>

#include "isolation/arch/cpu.h"
#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/options.h"
#include "isolation/base/process_stack.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/metadata_region.h"
#include "isolation/domain/reservation.h"
#include "isolation/sys/syscalls.h"
#include "isolation/thread/handler_stack.h"
#include "isolation/thread/signal_action.h"
#include "isolation/thread/signal_frame.h"
#include "isolation/thread/thread_record.h"

constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_owned_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_root_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_monitor_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_deferring_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_delivering_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uintptr_t bulkhead_records_begin = 0;
constinit BULKHEAD_CONSTANT_AFTER_START size_t bulkhead_records_bytes = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uintptr_t bulkhead_records_mask = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_others_pkru = 0;
constinit BULKHEAD_CONSTANT_AFTER_START uint32_t bulkhead_vector_state =
    BH_VECTOR_SSE;

namespace bulkhead {
namespace {

constinit BULKHEAD_SEALED KeyPool keys;
constinit BULKHEAD_CONSTANT_AFTER_START bool may_have_sandboxes = false;
constinit BULKHEAD_CONSTANT_AFTER_START KeyAbsence absence = KeyAbsence::kNone;

[[noreturn]] void Refuse(RawLine& line) {
  line.Text("\n").WriteTo(STDERR_FILENO);
  for (;;) sys::Call(SYS_exit_group, 2);
}

// Whether the kernel writes a signal's frame whatever the interrupted code may
// write (Linux 6.12). Before that, a signal for an alternate stack on key 0
// would end the process while the thread is in the monitor without the right to
// write there.
bool FramesIgnorePkru() {
  struct utsname name;
  if (sys::Call(SYS_uname, sys::Word(&name)) != 0) return false;
  const auto number = [](const char*& text) {
    unsigned value = 0;
    for (; *text >= '0' && *text <= '9'; ++text) {
      value = value * 10 + static_cast<unsigned>(*text - '0');
    }
    return value;
  };
  const char* text = name.release;
  const unsigned major = number(text);
  if (*text == '.') ++text;
  const unsigned minor = number(text);
  return major > 6 || (major == 6 && minor >= 12);
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
    bulkhead_others_pkru = ~bulkhead_owned_pkru;
    bulkhead_root_pkru = Bits(keys.root());
    root_heap_key = keys.Fixed(KeyUse::kRootHeap);
    bulkhead_deferring_pkru =
        Bits(keys.monitor() & ~(BothBits(kUntagged) | BothBits(root_heap_key)));
    sandbox_pkru = keys.sandbox();
    may_have_sandboxes = FramesIgnorePkru();
    bulkhead_monitor_pkru =
        may_have_sandboxes ? Bits(keys.monitor()) : bulkhead_deferring_pkru;
    metadata_key = keys.Fixed(KeyUse::kMetadata);
    frames_key = keys.Fixed(KeyUse::kFrames);
    signal_frames_key = may_have_sandboxes ? frames_key : metadata_key;
    bulkhead_delivering_pkru =
        Bits((keys.root() & ~BothBits(frames_key)) | ReadOnly(frames_key));
    LearnFrames();
    signals_wait =
        static_cast<SignalDelivery>(options.signals) == SignalDelivery::kStrict;
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
  if (IsModelled()) {
    line.Text(
        "NOTHING IS ENFORCED: this build models the cost of protection keys, "
        "for benchmarks");
  } else if (enforcement == Enforcement::kPku) {
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
  BULKHEAD_CHECK(PrepareMetadata(), "no memory to start");
  bulkhead_records_begin = RecordRegion().begin;
  bulkhead_records_bytes = RecordRegion().bytes;
  bulkhead_records_mask =
      (bulkhead_records_bytes - 1) & ~(sizeof(ThreadRecord) - 1);
  AttachFirstThread();
  SayStart(options);
}

void SealProcess() {
  // Until all handlers are Bulkhead's.
  const SignalsBlocked blocked;
  const PageRange settled = SettledData();
  BULKHEAD_CHECK(
      sys::Mprotect(settled.begin, settled.bytes, PROT_READ) == 0,
      "the kernel refused to make what is settled at start read-only");
  if (enforcement != Enforcement::kPku) {
    AdoptHandlers();
    return;
  }
  const PageRange sealed = SealedData();
  BULKHEAD_CHECK(
      sys::PkeyMprotect(sealed.begin, sealed.bytes, PROT_READ | PROT_WRITE,
                        Number(metadata_key)) == 0,
      "the kernel refused to seal Bulkhead's own data");
  bulkhead_drop_rights();
  AdoptHandlers();
  WatchFaults();
}

constinit BULKHEAD_CONSTANT_AFTER_START Pkru sandbox_pkru{0};

bool MayHaveSandboxes() { return may_have_sandboxes; }

KeyPool& Keys() { return keys; }

KeyAbsence WhyNoKeys() { return absence; }

}  // namespace bulkhead
