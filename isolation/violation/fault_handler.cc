// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/fault_handler.h"

#include <cpuid.h>
#include <signal.h>
#include <ucontext.h>

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/current.h"
#include "isolation/violation/report.h"

namespace bulkhead {
namespace {

constexpr int kPkuError = 4;         // SEGV_PKUERR
constexpr uint64_t kWriteFault = 2;  // bit 1 of the page-fault error code
constexpr uint32_t kPkruState = 9;   // its component of XSAVE
constexpr uint32_t kExtendedMagic = 0x46505853;  // FP_XSTATE_MAGIC1

constinit struct sigaction previous = {};

// PKRU of the interrupted code, from the XSAVE area of the signal frame (Linux,
// arch/x86/include/uapi/asm/sigcontext.h). False: the frame has none.
bool InterruptedPkru(const ucontext_t& context, Pkru& pkru) {
  const auto* area =
      reinterpret_cast<const unsigned char*>(context.uc_mcontext.fpregs);
  if (area == nullptr) return false;
  const auto word = [area](size_t offset) {
    uint64_t value;
    __builtin_memcpy(&value, area + offset, sizeof(value));
    return value;
  };
  // struct _fpx_sw_bytes stands in the last 48 bytes of the legacy area; the
  // header's first word, XSTATE_BV, says which components are not as after
  // reset.
  if (static_cast<uint32_t>(word(464)) != kExtendedMagic) return false;
  if ((word(464 + 8) & (1u << kPkruState)) == 0) return false;
  if ((word(512) & (1u << kPkruState)) == 0) {
    pkru = Pkru{0};
    return true;
  }
  uint32_t size, offset, c, d;
  if (__get_cpuid_count(0xd, kPkruState, &size, &offset, &c, &d) == 0) {
    return false;
  }
  pkru = Pkru{static_cast<uint32_t>(word(offset))};
  return true;
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

// Puts the previous handler back; the fault then happens again, to it.
void PassOn() { sigaction(SIGSEGV, &previous, nullptr); }

void HandleFault(int, siginfo_t* info, void* raw_context) {
  const auto& context = *static_cast<const ucontext_t*>(raw_context);
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const bool from_kernel_check =
      info->si_code == kPkuError || info->si_code == SEGV_ACCERR;
  CompartmentId owner;
  if (!from_kernel_check || !FindOwner(address, owner) || owner == kRoot) {
    PassOn();
    return;
  }
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
  ViolationKind kind = (registers[REG_ERR] & kWriteFault) != 0
                           ? ViolationKind::kCompartmentWrite
                           : ViolationKind::kCompartmentRead;
  if (IsGuardPage(RowOf(owner), address) && place.domain == owner) {
    kind = ViolationKind::kStackOverflow;
  }
  ReportViolation(kind, place);
}

}  // namespace

void InstallFaultHandler() {
  struct sigaction action = {};
  action.sa_sigaction = HandleFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  BULKHEAD_CHECK(sigaction(SIGSEGV, &action, &previous) == 0,
                 "the SIGSEGV handler could not be installed");
}

}  // namespace bulkhead
