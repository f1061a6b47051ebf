// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/signal_frame.h"

#include <cpuid.h>
#include <errno.h>

#include "isolation/arch/gate.h"
#include "isolation/arch/layout.h"
#include "isolation/arch/monitor.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/current.h"
#include "isolation/thread/signal_stack.h"

namespace bulkhead {
namespace {

constexpr uint32_t kPkruState = 9;  // its component of XSAVE
constexpr uint64_t kPkruFeature = uint64_t{1} << kPkruState;
constexpr uint32_t kExtendedMagic = 0x46505853;  // FP_XSTATE_MAGIC1
constexpr uint32_t kMagicAtEnd = 0x46505845;     // FP_XSTATE_MAGIC2

// What a process has only once it has asked for it: AMX's tiles. Whether the
// thread has used them since is not to be told from outside the kernel.
constexpr uint64_t kOnRequest = uint64_t{1} << 18;

// The kernel's frame, without the XSAVE area.
constexpr size_t kFrameBytes =
    BH_FRAME_CONTEXT + BH_CONTEXT_BYTES + BH_SIGINFO_BYTES;

// Where its context and the XSAVE area go in a frame that is made anew.
constexpr size_t kContextPlace = 64;
constexpr size_t kExtendedPlace = 512;
static_assert(kContextPlace + BH_CONTEXT_BYTES + BH_SIGINFO_BYTES <=
              kExtendedPlace);

// Of the XSAVE area: where struct _fpx_sw_bytes stands, where the header
// begins, and where it ends.
constexpr size_t kSoftwareBytes = 464;
constexpr size_t kHeader = 512;
constexpr size_t kHeaderEnd = 576;

[[maybe_unused]] constexpr size_t kPlaceBytes =
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

template <typename Word>
Word WordAt(const unsigned char* area, size_t offset) {
  Word value;
  __builtin_memcpy(&value, area + offset, sizeof(value));
  return value;
}

// To where nobody else writes first; then what it says of itself is looked at.
// The kernel takes a frame that says something else for one without rights, and
// gives the thread all there are. Returns its length, that of the end mark
// included.
[[maybe_unused]] size_t CopyExtended(uintptr_t from, unsigned char* area) {
  BULKHEAD_CHECK(from != 0, kNoPlace);
  __builtin_memcpy(area, reinterpret_cast<const void*>(from), kHeaderEnd);
  const auto bytes = WordAt<uint32_t>(area, kSoftwareBytes + 16);
  const auto features = WordAt<uint64_t>(area, kSoftwareBytes + 8);
  const bool has_more = bytes != layout.bytes;
  bool is_known =
      (!has_more || bytes == layout.most_bytes) &&
      features ==
          (has_more ? layout.features : layout.features & ~kOnRequest) &&
      WordAt<uint32_t>(area, kSoftwareBytes) == kExtendedMagic &&
      WordAt<uint32_t>(area, kSoftwareBytes + 4) == bytes + sizeof(kMagicAtEnd);
  if (is_known) {
    __builtin_memcpy(area + kHeaderEnd,
                     reinterpret_cast<const void*>(from + kHeaderEnd),
                     bytes + sizeof(kMagicAtEnd) - kHeaderEnd);
    is_known = WordAt<uint32_t>(area, bytes) == kMagicAtEnd;
  }
  BULKHEAD_CHECK(is_known, kNoPlace);
  return bytes + sizeof(kMagicAtEnd);
}

// PKRU as after reset stands nowhere, and opens everything.
uint32_t PkruIn(const unsigned char* area) {
  const auto in_use = WordAt<uint64_t>(area, kHeader);
  return (in_use & kPkruFeature) != 0 ? WordAt<uint32_t>(area, layout.pkru) : 0;
}

void SetPkruIn(unsigned char* area, uint32_t pkru) {
  const uint64_t in_use = WordAt<uint64_t>(area, kHeader) | kPkruFeature;
  __builtin_memcpy(area + kHeader, &in_use, sizeof(in_use));
  __builtin_memcpy(area + layout.pkru, &pkru, sizeof(pkru));
}

[[maybe_unused]] void SetRights(unsigned char* area, Pkru rights) {
  SetPkruIn(area, (PkruIn(area) & ~bulkhead_owned_pkru) |
                      (Bits(rights) & bulkhead_owned_pkru));
}

// Leaves no register in the area but PKRU.
void Hide(unsigned char* area, size_t bytes) {
  const uint32_t pkru = PkruIn(area);
  __builtin_memset(area, 0, kSoftwareBytes);
  __builtin_memset(area + kHeader, 0, bytes - sizeof(kMagicAtEnd) - kHeader);
  SetPkruIn(area, pkru);
}

void Hide(ucontext_t& context, Seen seen) {
  gregset_t& registers = context.uc_mcontext.gregs;
  gregset_t shown = {};
  shown[REG_RSP] = registers[REG_RSP];
  if (seen != Seen::kStack || IsOnItsWay(context)) {
    shown[REG_RIP] = registers[REG_RIP];
  }
  if (seen == Seen::kCaller) {
    shown[REG_RBX] = registers[REG_RBX];
    shown[REG_RBP] = registers[REG_RBP];
    shown[REG_R12] = registers[REG_R12];
    shown[REG_R13] = registers[REG_R13];
    shown[REG_R14] = registers[REG_R14];
    shown[REG_R15] = registers[REG_R15];
  }
  if (seen != Seen::kStack) {
    shown[REG_ERR] = registers[REG_ERR];
    shown[REG_TRAPNO] = registers[REG_TRAPNO];
    shown[REG_CR2] = registers[REG_CR2];
  }
  __builtin_memcpy(&registers, &shown, sizeof(shown));
}

uintptr_t ExtendedOf(const ucontext_t& context) {
  return reinterpret_cast<uintptr_t>(context.uc_mcontext.fpregs);
}

unsigned char* AreaIn(uintptr_t place) {
  return reinterpret_cast<unsigned char*>(place + kExtendedPlace);
}

ucontext_t& ContextIn(uintptr_t place) {
  return *reinterpret_cast<ucontext_t*>(place + kContextPlace);
}

// Where PKRU of the interrupted code stands in the XSAVE area of the signal
// frame (Linux, arch/x86/include/uapi/asm/sigcontext.h). nullptr: the frame has
// none, or it is as after reset, 0.
unsigned char* FindPkru(const ucontext_t& context, bool& is_reset) {
  auto* area = reinterpret_cast<unsigned char*>(context.uc_mcontext.fpregs);
  is_reset = false;
  if (area == nullptr) return nullptr;
  // struct _fpx_sw_bytes stands in the last 48 bytes of the legacy area; the
  // header's first word, XSTATE_BV, says which components are not as after
  // reset.
  if (WordAt<uint32_t>(area, kSoftwareBytes) != kExtendedMagic) {
    return nullptr;
  }
  if ((WordAt<uint64_t>(area, kSoftwareBytes + 8) & kPkruFeature) == 0)
    return nullptr;
  if ((WordAt<uint64_t>(area, kHeader) & kPkruFeature) == 0) {
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

bool IsFault(const siginfo_t& info) {
  const int signal = info.si_signo;
  return (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
          signal == SIGILL || signal == SIGTRAP) &&
         info.si_code > 0;
}

void EndWait(ucontext_t& context) {
  gregset_t& registers = context.uc_mcontext.gregs;
  const auto* const next =
      reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  if (next[0] != 0x0f || next[1] != 0x05) return;  // syscall
  registers[REG_RIP] += 2;
  registers[REG_RAX] = -EINTR;
}

void CheckFrameIsTheRoots(uintptr_t address) {
  CheckIsTheRoots({address - BH_FRAME_CONTEXT, kFrameBytes});
}

void CheckAlternate(const SignalStack& stack) {
  if (stack.IsThere()) CheckIsTheRoots(stack.memory);
}

Pkru RightsInFrame(const ucontext_t& context, bool is_kernels) {
  if (!is_kernels) {
    CheckIsTheRoots(
        {ExtendedOf(context), layout.most_bytes + sizeof(kMagicAtEnd)});
  }
  Pkru pkru;
  BULKHEAD_CHECK(InterruptedPkru(context, pkru), kNoPlace);
  return pkru & Pkru{bulkhead_owned_pkru};
}

ucontext_t CopyOfContext(uintptr_t address) {
  ucontext_t copy;
  __builtin_memcpy(&copy, reinterpret_cast<const void*>(address),
                   BH_CONTEXT_BYTES);
  return copy;
}

HandlerPlace PlaceForHandler(const ThreadRecord& record,
                             const ucontext_t& context) {
  const SignalStack& said = record.alternate;
  HandlerPlace place;
  place.stack =
      said.IsThere()
          ? said.memory
          : PageRange{reinterpret_cast<uintptr_t>(record.signal_stack),
                      kSignalStackBytes};
  CheckIsTheRoots(place.stack);
  const auto interrupted =
      static_cast<uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
  const bool is_free = interrupted - place.stack.begin > place.stack.bytes ||
                       (said.IsThere() && said.DisarmsItself());
  const uintptr_t top = is_free ? place.stack.end() : interrupted - kRedZone;
  // As the kernel aligns them.
  place.area = RoundDown(top - layout.most_bytes - sizeof(kMagicAtEnd), 64);
  place.frame = RoundDown(place.area - kFrameBytes, 16) - BH_FRAME_CONTEXT;
  BULKHEAD_CHECK(place.frame - place.stack.begin < place.stack.bytes,
                 "a signal's stack is too small, or used up");
  return place;
}

void DeliverFrame(const ucontext_t& context, Seen seen,
                  const SignalStack& shown, const HandlerPlace& place,
                  uintptr_t staging) {
  unsigned char* area = AreaIn(staging);
  const size_t bytes = CopyExtended(ExtendedOf(context), area);
  ucontext_t& copy = ContextIn(staging);
  const uintptr_t frame = reinterpret_cast<uintptr_t>(&copy) - BH_FRAME_CONTEXT;
  __builtin_memcpy(
      reinterpret_cast<void*>(frame),
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(&context) -
                                    BH_FRAME_CONTEXT),
      kFrameBytes);
  copy.uc_stack.ss_sp = reinterpret_cast<void*>(shown.memory.begin);
  copy.uc_stack.ss_size = shown.memory.bytes;
  copy.uc_stack.ss_flags = shown.flags;
  copy.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(place.area);
  if (seen != Seen::kAll) {
    Hide(copy, seen);
    Hide(area, bytes);
  }
  bulkhead_monitor_write_root_pku(reinterpret_cast<void*>(place.area), area,
                                  bytes);
  bulkhead_monitor_write_root_pku(reinterpret_cast<void*>(place.frame),
                                  reinterpret_cast<const void*>(frame),
                                  kFrameBytes);
}

size_t KeptFrameBytes() {
  return RoundUp(kExtendedPlace + layout.most_bytes + sizeof(kMagicAtEnd), 64);
}

ucontext_t& KeepFrame(const ucontext_t& context, uintptr_t kept) {
  ucontext_t& copy = ContextIn(kept);
  __builtin_memcpy(&copy, &context, BH_CONTEXT_BYTES);
  CopyExtended(ExtendedOf(context), AreaIn(kept));
  copy.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(AreaIn(kept));
  return copy;
}

uintptr_t UseKeptFrame(uintptr_t kept, Pkru rights) {
  SetRights(AreaIn(kept), rights);
  return kept + kContextPlace;
}

uintptr_t RebuildFrame(const ucontext_t& context, uintptr_t place, Pkru rights,
                       uintptr_t kernel_stack) {
  ucontext_t& copy = ContextIn(place);
  __builtin_memcpy(&copy, &context, BH_CONTEXT_BYTES);
  if (kernel_stack != 0) {
    copy.uc_stack.ss_sp = reinterpret_cast<void*>(kernel_stack);
    copy.uc_stack.ss_size = BH_KERNEL_STACK_BYTES;
    copy.uc_stack.ss_flags = 0;
  } else {
    CheckAlternate({{reinterpret_cast<uintptr_t>(context.uc_stack.ss_sp),
                     context.uc_stack.ss_size},
                    context.uc_stack.ss_flags});
  }
#ifdef BULKHEAD_MODELLED
  (void)rights;
#else
  const uintptr_t extended = ExtendedOf(context);
  unsigned char* area = AreaIn(place);
  BULKHEAD_CHECK(extended != 0, kNoPlace);
  CheckIsTheRoots({extended, layout.most_bytes + sizeof(kMagicAtEnd)});
  CopyExtended(extended, area);
  SetRights(area, rights);
  copy.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(area);
#endif
  return place + kContextPlace;
}

}  // namespace bulkhead
