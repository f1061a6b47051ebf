// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_frame.h"

#include <cpuid.h>

#include "isolation/arch/gate.h"
#include "isolation/arch/monitor.h"
#include "isolation/domain/cages.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

constexpr uint32_t kPkruState = 9;               // its component of XSAVE
constexpr uint32_t kExtendedMagic = 0x46505853;  // FP_XSTATE_MAGIC1

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

}  // namespace

bool InterruptedPkru(const ucontext_t& context, Pkru& pkru) {
  bool is_reset;
  const unsigned char* place = FindPkru(context, is_reset);
  uint32_t value = 0;
  if (place != nullptr) __builtin_memcpy(&value, place, sizeof(value));
  pkru = Pkru{value};
  return place != nullptr || is_reset;
}

void SetInterruptedPkru(ucontext_t& context, Pkru pkru) {
  bool is_reset;
  unsigned char* place = FindPkru(context, is_reset);
  const uint32_t value = Bits(pkru);
  if (place != nullptr) __builtin_memcpy(place, &value, sizeof(value));
}

bool IsOnItsWay(const ucontext_t& context) {
  const auto counter = reinterpret_cast<const unsigned char*>(
      context.uc_mcontext.gregs[REG_RIP]);
  const auto is_in = [counter](const unsigned char* begin,
                               const unsigned char* end) {
    return counter >= begin && counter < end;
  };
  return is_in(bulkhead_gates_begin, bulkhead_gates_end) ||
         is_in(bulkhead_domain_gate_begin, bulkhead_domain_gate_end) ||
         is_in(bulkhead_monitor_begin, bulkhead_monitor_end) ||
         is_in(bulkhead_signals_begin, bulkhead_signals_end);
}

InterruptedDomain::InterruptedDomain(const ThreadRecord& record, bool entered)
    : pkru(record.pkru), current(record.current) {
  if (!entered) return;
  const Frame& last = record.frames[record.depth - 1];
  pkru = last.pkru;
  current = last.current;
}

InterruptedRights::InterruptedRights(const ThreadRecord* record, bool entered)
    : entered_(entered),
      had_record_(record != nullptr),
      refreshes_(had_record_ ? record->refreshes : 0),
      before_(had_record_ ? InterruptedDomain(*record, entered)
                          : InterruptedDomain()) {}

void InterruptedRights::Settle(const ThreadRecord* record,
                               ucontext_t& context) const {
  if (record == nullptr || (had_record_ && record->refreshes == refreshes_)) {
    return;
  }
  Pkru pkru;
  if (!InterruptedPkru(context, pkru)) return;
  const InterruptedDomain now(*record, entered_);
  Pkru rights = now.pkru;
  // A thread that had no record is in the root's domain from its first on.
  if (had_record_) {
    CompartmentId id;
    // Those of the ways into the monitor are nobody's grant.
    if (!FindDomain(pkru, before_.pkru, before_.current, id)) return;
    if (id != before_.current) rights = rights & Pkru{RowOf(id).open_mask};
  }
  const Pkru owned{bulkhead_owned_pkru};
  SetInterruptedPkru(context, (pkru & ~owned) | rights);
}

}  // namespace bulkhead
