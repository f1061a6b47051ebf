// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_frame.h"

#include <cpuid.h>

#include "isolation/arch/gate.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

constexpr uint32_t kPkruState = 9;  // its component of XSAVE
constexpr uint64_t kPkruFeature = uint64_t{1} << kPkruState;
constexpr uint32_t kExtendedMagic = 0x46505853;  // FP_XSTATE_MAGIC1
constexpr uint32_t kMagicAtEnd = 0x46505845;     // FP_XSTATE_MAGIC2

// What a process has only once it has asked for it: AMX's tiles. Whether the
// thread has used them since is not to be told from outside the kernel.
constexpr uint64_t kOnRequest = uint64_t{1} << 18;

// The kernel's context, which is shorter than libc's, and where it and the
// XSAVE area go in a frame that is made anew.
constexpr size_t kContextBytes = BH_CONTEXT_SIGMASK + sizeof(uint64_t);
constexpr size_t kContextPlace = 64;
constexpr size_t kExtendedPlace = 512;
static_assert(kContextPlace + kContextBytes <= kExtendedPlace);

// Of the XSAVE area: where struct _fpx_sw_bytes stands, where the header
// begins, and where it ends.
constexpr size_t kSoftwareBytes = 464;
constexpr size_t kHeader = 512;
constexpr size_t kHeaderEnd = 576;

constexpr size_t kPlaceBytes =
    BH_SIGNAL_FRAME_BYTES - kMostInterrupted * sizeof(Interrupted);

struct Layout {
  uint64_t features = 0;  // the kernel's
  uint32_t bytes = 0;     // of the area, without what is had on request
  uint32_t most_bytes = 0;
  uint32_t pkru = 0;  // where it stands in the area
};
constinit BULKHEAD_CONSTANT_AFTER_START Layout layout;

// Of an area that holds these features: to the end of what lies last.
[[maybe_unused]] uint32_t BytesOf(uint64_t features) {
  uint32_t end = kHeaderEnd;
  for (uint32_t i = 2; i < 63; ++i) {
    uint32_t size, offset, c, d;
    if ((features >> i & 1) == 0 ||
        __get_cpuid_count(0xd, i, &size, &offset, &c, &d) == 0) {
      continue;
    }
    if (offset + size > end) end = offset + size;
  }
  return end;
}

constexpr char kNoPlace[] =
    "a signal frame has no place for rights: something has overwritten it";

void CheckIsTheRoots(PageRange memory) {
  const auto is_bulkheads = [](uintptr_t address) {
    CompartmentId owner = kRoot;
    return reservation.Contains(address) &&
           (!FindOwner(address, owner) || owner != kRoot);
  };
  const PageRange sealed = SealedData();
  BULKHEAD_CHECK(memory.bytes != 0 && memory.end() > memory.begin &&
                     !is_bulkheads(memory.begin) &&
                     !is_bulkheads(memory.end() - 1) &&
                     (memory.end() <= sealed.begin ||
                      memory.begin >= sealed.begin + sealed.bytes),
                 "a signal frame names memory of Bulkhead's: something has "
                 "overwritten it");
}

// To where nobody else writes first; then what it says of itself is looked at.
// The kernel takes a frame that says something else for one without rights, and
// gives the thread all there are.
[[maybe_unused]] void CopyExtended(uintptr_t from, unsigned char* area,
                                   Pkru rights) {
  const auto word = [area](size_t offset, auto value) {
    __builtin_memcpy(&value, area + offset, sizeof(value));
    return value;
  };
  BULKHEAD_CHECK(from != 0, kNoPlace);
  CheckIsTheRoots({from, layout.most_bytes + sizeof(kMagicAtEnd)});
  __builtin_memcpy(area, reinterpret_cast<const void*>(from), kHeaderEnd);
  const auto bytes = word(kSoftwareBytes + 16, uint32_t{0});
  const auto features = word(kSoftwareBytes + 8, uint64_t{0});
  const bool has_more = bytes != layout.bytes;
  bool is_known =
      (!has_more || bytes == layout.most_bytes) &&
      features ==
          (has_more ? layout.features : layout.features & ~kOnRequest) &&
      word(kSoftwareBytes, uint32_t{0}) == kExtendedMagic &&
      word(kSoftwareBytes + 4, uint32_t{0}) == bytes + sizeof(kMagicAtEnd);
  if (is_known) {
    __builtin_memcpy(area + kHeaderEnd,
                     reinterpret_cast<const void*>(from + kHeaderEnd),
                     bytes + sizeof(kMagicAtEnd) - kHeaderEnd);
    is_known = word(bytes, uint32_t{0}) == kMagicAtEnd;
  }
  BULKHEAD_CHECK(is_known, kNoPlace);
  // PKRU as after reset stands nowhere, and opens everything.
  const auto in_use = word(kHeader, uint64_t{0});
  const uint32_t others =
      (in_use & kPkruFeature) != 0 ? word(layout.pkru, uint32_t{0}) : 0;
  const uint32_t pkru =
      (others & ~bulkhead_owned_pkru) | (Bits(rights) & bulkhead_owned_pkru);
  const uint64_t now_in_use = in_use | kPkruFeature;
  __builtin_memcpy(area + kHeader, &now_in_use, sizeof(now_in_use));
  __builtin_memcpy(area + layout.pkru, &pkru, sizeof(pkru));
}

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
  if (static_cast<uint32_t>(word(kSoftwareBytes)) != kExtendedMagic) {
    return nullptr;
  }
  if ((word(kSoftwareBytes + 8) & kPkruFeature) == 0) return nullptr;
  if ((word(kHeader) & kPkruFeature) == 0) {
    is_reset = true;
    return nullptr;
  }
  return area + layout.pkru;
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

void LearnFrames() {
#ifndef BULKHEAD_MODELLED
  if (enforcement != Enforcement::kPku) return;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  layout.features = low | uint64_t{high} << 32;
  layout.bytes = BytesOf(layout.features & ~kOnRequest);
  layout.most_bytes = BytesOf(layout.features);
  uint32_t size, c, d;
  const bool has_leaf =
      __get_cpuid_count(0xd, kPkruState, &size, &layout.pkru, &c, &d) != 0;
  BULKHEAD_CHECK(has_leaf && (layout.features & kPkruFeature) != 0 &&
                     kExtendedPlace + layout.most_bytes + sizeof(kMagicAtEnd) <=
                         kPlaceBytes,
                 "signal frames are of an unknown form");
#endif
}

uintptr_t RebuildFrame(uintptr_t context, uintptr_t place, Pkru rights) {
  CheckIsTheRoots({context, kContextBytes});
  const uintptr_t made = place + kContextPlace;
  auto& copy = *reinterpret_cast<ucontext_t*>(made);
  __builtin_memcpy(&copy, reinterpret_cast<const void*>(context),
                   kContextBytes);
  if ((copy.uc_stack.ss_flags & SS_DISABLE) == 0) {
    CheckIsTheRoots({reinterpret_cast<uintptr_t>(copy.uc_stack.ss_sp),
                     copy.uc_stack.ss_size});
  }
  const auto extended = reinterpret_cast<uintptr_t>(copy.uc_mcontext.fpregs);
  auto* area = reinterpret_cast<unsigned char*>(place + kExtendedPlace);
#ifdef BULKHEAD_MODELLED
  (void)rights, (void)extended, (void)area;
#else
  CopyExtended(extended, area, rights);
  copy.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(area);
#endif
  return made;
}

}  // namespace bulkhead
