// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/fault_handler.h"

#include <signal.h>
#include <ucontext.h>

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/domain/variables.h"
#include "isolation/thread/current.h"
#include "isolation/thread/signal_action.h"
#include "isolation/thread/signal_frame.h"
#include "isolation/violation/report.h"

namespace bulkhead {
namespace {

constexpr int kPkuError = 4;  // SEGV_PKUERR
// Bits of the page-fault error code (Intel SDM volume 3, 4.7).
constexpr uint64_t kWriteFault = 1 << 1;
constexpr uint64_t kFetchFault = 1 << 4;

// A read below this is of a thread record by a thread whose GS base is 0.
constexpr uintptr_t kRecordAtZero = sizeof(ThreadRecord);

CompartmentId WhoWasInterrupted(const ucontext_t& context,
                                const InterruptedDomain& before) {
  if (enforcement != Enforcement::kPku) return before.current;
  Pkru pkru;
  CompartmentId id;
  if (InterruptedPkru(context, pkru) &&
      FindDomain(pkru, before.pkru, before.current, id)) {
    return id;
  }
  return before.current;
}

bool IsGuardPage(const CompartmentRow& row, uintptr_t address) {
  const uintptr_t offset = address - row.stack_cages.begin;
  return offset < row.stack_cages.bytes &&
         offset % (row.traits.stack_bytes + kStackGuardBytes) <
             kStackGuardBytes;
}

// Everyone may read metadata. A handler that Bulkhead was not asked to install,
// or a thread older than the keys, cannot: it is the root's, is given the
// root's rights, and does what it did again. False: it has that right.
bool GiveRootsRights(ucontext_t& context) {
  Pkru pkru;
  if (!InterruptedPkru(context, pkru) ||
      Bits(pkru & Closed(metadata_key)) == 0) {
    return false;
  }
  const ThreadRecord* record = FindOwnRecord();
  const bool is_in_root = record != nullptr && record->current == kRoot;
  const Pkru rights = is_in_root ? record->pkru : Pkru{bulkhead_root_pkru};
  SetInterruptedPkru(context, (pkru & ~Pkru{bulkhead_owned_pkru}) | rights);
  return true;
}

bool IsMetadata(uintptr_t address) {
  const auto is_in = [address](PageRange pages) {
    return address - pages.begin < pages.bytes;
  };
  return is_in(reservation.metadata()) || is_in(SealedData());
}

Access AccessOf(const ucontext_t& context) {
  const auto error = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_ERR]);
  if ((error & kFetchFault) != 0) return Access::kExecute;
  return (error & kWriteFault) != 0 ? Access::kWrite : Access::kRead;
}

ViolationKind KindOf(Access access) {
  switch (access) {
    case Access::kWrite:
      return ViolationKind::kCompartmentWrite;
    case Access::kExecute:
      return ViolationKind::kCompartmentExecute;
    case Access::kRead:
    case Access::kNone:
      break;
  }
  return ViolationKind::kCompartmentRead;
}

ViolationPlace PlaceOf(uintptr_t address, const ucontext_t& context,
                       const InterruptedDomain& interrupted) {
  const auto& registers = context.uc_mcontext.gregs;
  ViolationPlace place;
  place.address = address;
  place.program_counter = static_cast<uintptr_t>(registers[REG_RIP]);
  place.access = AccessOf(context);
  place.domain = WhoWasInterrupted(context, interrupted);
  place.context = &context;
  // The kernel closed every compartment for this handler: a stack in one of
  // them cannot be walked from here.
  CompartmentId stack_owner;
  place.stack_readable =
      !FindOwner(static_cast<uintptr_t>(registers[REG_RSP]), stack_owner) ||
      stack_owner == kRoot;
  return place;
}

// Answers a fault that Bulkhead caused or can mend, and reports one that shows
// a violation. False: the fault is the program's.
bool HandleFault(siginfo_t& info, ucontext_t& context,
                 const InterruptedDomain& interrupted) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  if (address < kRecordAtZero && FindOwnRecord() == nullptr) {
    // A thread older than the library: its GS base is 0.
    AttachThread();
    BULKHEAD_CHECK(FindOwnRecord() != nullptr, "a thread's record is damaged");
    return true;
  }
  if (info.si_code != kPkuError && info.si_code != SEGV_ACCERR) return false;
  const Access access = AccessOf(context);
  if (info.si_code == kPkuError && IsMetadata(address)) {
    if (access == Access::kRead && GiveRootsRights(context)) return true;
    ReportAccusation(*CurrentRecord(), PlaceOf(address, context, interrupted));
    ReportViolation(ViolationKind::kMetadataWrite,
                    PlaceOf(address, context, interrupted));
  }
  CompartmentId owner = kRoot;
  const ViolationPlace place = PlaceOf(address, context, interrupted);
  if (!FindAnyOwner(address, owner) || owner == kRoot) {
    if (info.si_code != kPkuError) return false;
    if (GiveRootsRights(context)) return true;
    if (!IsSandbox(RowOf(place.domain).traits.kind)) return false;
    ReportViolation(access == Access::kWrite ? ViolationKind::kRootWrite
                                             : ViolationKind::kRootRead,
                    place);
  }
  const ViolationKind kind =
      IsGuardPage(RowOf(owner), address) && place.domain == owner
          ? ViolationKind::kStackOverflow
          : KindOf(access);
  ReportViolation(kind, place);
}

}  // namespace

void RegisterFaultHandler() { fault_handler = HandleFault; }

}  // namespace bulkhead
