// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Arithmetic on PKRU, the register of a thread's rights: two bits a key,
// access-disable (AD) below write-disable (WD). See Intel SDM volume 3, 4.6.2.
// Nothing here writes the register: WRPKRU stands in gate.S alone.

#ifndef BULKHEAD_ISOLATION_ARCH_PKRU_H_
#define BULKHEAD_ISOLATION_ARCH_PKRU_H_

#include <cstdint>

#include "isolation/arch/layout.h"
#include "isolation/base/ids.h"

namespace bulkhead {

// A value of the register, or a mask over it.
enum class Pkru : uint32_t {};

constexpr uint32_t Bits(Pkru pkru) { return static_cast<uint32_t>(pkru); }

// Both bits of `key`.
constexpr Pkru BothBits(HardwareKey key) {
  return Pkru{uint32_t{3} << (2 * Number(key))};
}
// `key` closed as the kernel closes it for a new process: AD alone.
constexpr Pkru Closed(HardwareKey key) {
  return Pkru{uint32_t{1} << (2 * Number(key))};
}

// `key` readable, not writable: WD alone.
constexpr Pkru ReadOnly(HardwareKey key) {
  return Pkru{uint32_t{2} << (2 * Number(key))};
}

constexpr Pkru operator|(Pkru a, Pkru b) { return Pkru{Bits(a) | Bits(b)}; }
constexpr Pkru operator&(Pkru a, Pkru b) { return Pkru{Bits(a) & Bits(b)}; }
constexpr Pkru operator^(Pkru a, Pkru b) { return Pkru{Bits(a) ^ Bits(b)}; }
constexpr Pkru operator~(Pkru a) { return Pkru{~Bits(a)}; }

// REQUIRES: the CPU has protection keys and the kernel uses them (an illegal
// instruction otherwise).
inline Pkru ReadPkru() {
  uint32_t value;
#ifdef BULKHEAD_MODELLED
  __asm__ volatile("mov %%gs:%c1, %0"
                   : "=r"(value)
                   : "i"(BH_RECORD_MODELLED_PKRU));
#else
  uint32_t high;
  __asm__ volatile("rdpkru" : "=a"(value), "=d"(high) : "c"(0));
#endif
  return Pkru{value};
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_ARCH_PKRU_H_
