// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/fault_handler.h"

#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/current.h"
#include "isolation/thread/signal_action.h"
#include "isolation/violation/report.h"

namespace bulkhead {
namespace {

constexpr int kPkuError = 4;         // SEGV_PKUERR
constexpr uint64_t kWriteFault = 2;  // bit 1 of the page-fault error code
constexpr uint32_t kPkruState = 9;   // its component of XSAVE
constexpr uint32_t kExtendedMagic = 0x46505853;  // FP_XSTATE_MAGIC1

// A read below this is of a thread record by a thread whose GS base is 0.
constexpr uintptr_t kRecordAtZero = sizeof(ThreadRecord);

// Where PKRU of the interrupted code stands in the XSAVE area of the signal
// frame (Linux, arch/x86/include/uapi/asm/sigcontext.h). nullptr: the frame has
// none, or it is as after reset, 0.
unsigned char* FindPkru(const ucontext_t& context, bool& is_reset) {
  auto* area = reinterpret_cast<unsigned char*>(context.uc_mcontext.fpregs);
  is_reset = false;
  if (area == nullptr) return nullptr;
  const auto word = [area](size_t offset) {
    uint64_t value;
    __builtin_memcpy(&value, area + offset, sizeof(value));
    return value;
  };
  // struct _fpx_sw_bytes stands in the last 48 bytes of the legacy area; the
  // header's first word, XSTATE_BV, says which components are not as after
  // reset.
  if (static_cast<uint32_t>(word(464)) != kExtendedMagic) return nullptr;
  if ((word(464 + 8) & (1u << kPkruState)) == 0) return nullptr;
  if ((word(512) & (1u << kPkruState)) == 0) {
    is_reset = true;
    return nullptr;
  }
  uint32_t size, offset, c, d;
  if (__get_cpuid_count(0xd, kPkruState, &size, &offset, &c, &d) == 0) {
    return nullptr;
  }
  return area + offset;
}

// False: the frame has none.
bool InterruptedPkru(const ucontext_t& context, Pkru& pkru) {
  bool is_reset;
  const unsigned char* place = FindPkru(context, is_reset);
  uint32_t value = 0;
  if (place != nullptr) __builtin_memcpy(&value, place, sizeof(value));
  pkru = Pkru{value};
  return place != nullptr || is_reset;
}

CompartmentId InterruptedDomain(const ucontext_t& context,
                                const ThreadRecord& record) {
  if (enforcement != Enforcement::kPku) return record.current;
  Pkru pkru;
  CompartmentId id;
  if (InterruptedPkru(context, pkru) && FindDomain(pkru, record, id)) return id;
  return record.current;
}

bool IsGuardPage(const CompartmentRow& row, uintptr_t address) {
  const uintptr_t offset = address - row.stack_cages.begin;
  return offset < row.stack_cages.bytes &&
         offset % (row.traits.stack_bytes + kStackGuardBytes) <
             kStackGuardBytes;
}

// Everyone may read metadata. A handler that Bulkhead was not asked to install,
// or a thread older than the keys, cannot: it is given that right, and the read
// happens again.
bool LetReadMetadata(const ucontext_t& context) {
  bool is_reset;
  unsigned char* place = FindPkru(context, is_reset);
  if (place == nullptr) return false;
  uint32_t pkru;
  __builtin_memcpy(&pkru, place, sizeof(pkru));
  if ((pkru & Bits(Closed(metadata_key))) == 0) return false;
  pkru &= Bits(~BothBits(metadata_key));
  pkru |= Bits(ReadOnly(metadata_key));
  __builtin_memcpy(place, &pkru, sizeof(pkru));
  return true;
}

bool IsMetadata(uintptr_t address) {
  const auto is_in = [address](PageRange pages) {
    return address - pages.begin < pages.bytes;
  };
  return is_in(reservation.metadata()) || is_in(SealedData());
}

ViolationPlace PlaceOf(uintptr_t address, const ucontext_t& context) {
  const ThreadRecord& record = *CurrentRecord();
  const auto& registers = context.uc_mcontext.gregs;
  ViolationPlace place;
  place.address = address;
  place.program_counter = static_cast<uintptr_t>(registers[REG_RIP]);
  place.domain = InterruptedDomain(context, record);
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
bool HandleFault(siginfo_t& info, ucontext_t& context) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  if (address < kRecordAtZero && FindOwnRecord() == nullptr) {
    // A thread older than the library: its GS base is 0.
    AttachThread();
    BULKHEAD_CHECK(FindOwnRecord() != nullptr, "a thread's record is damaged");
    return true;
  }
  if (info.si_code != kPkuError && info.si_code != SEGV_ACCERR) return false;
  const bool writes = (context.uc_mcontext.gregs[REG_ERR] & kWriteFault) != 0;
  if (info.si_code == kPkuError && IsMetadata(address)) {
    if (!writes && LetReadMetadata(context)) return true;
    ReportViolation(ViolationKind::kMetadataWrite, PlaceOf(address, context));
  }
  CompartmentId owner;
  if (!FindOwner(address, owner) || owner == kRoot) return false;
  const ViolationPlace place = PlaceOf(address, context);
  ViolationKind kind = writes ? ViolationKind::kCompartmentWrite
                              : ViolationKind::kCompartmentRead;
  if (IsGuardPage(RowOf(owner), address) && place.domain == owner) {
    kind = ViolationKind::kStackOverflow;
  }
  ReportViolation(kind, place);
}

}  // namespace

void RegisterFaultHandler() { fault_handler = HandleFault; }

}  // namespace bulkhead
