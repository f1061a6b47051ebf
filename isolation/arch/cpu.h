// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Thread registers and what the CPU and kernel offer.

#ifndef BULKHEAD_ISOLATION_ARCH_CPU_H_
#define BULKHEAD_ISOLATION_ARCH_CPU_H_

#include <cpuid.h>
#include <sys/auxv.h>

#include <cstdint>

#include "isolation/arch/layout.h"

namespace bulkhead {

// The FS base, read from the thread control block that it points to (System V
// ABI, ELF TLS variant II). Memory: it chooses slow paths and decides nothing.
inline uintptr_t ThreadControlBlock() {
  uintptr_t value;
  __asm__("mov %%fs:0, %0" : "=r"(value));
  return value;
}

// The FS base. REQUIRES: UsesFsGsBase().
inline uintptr_t FsBase() {
  uintptr_t value;
  __asm__ volatile("rdfsbase %0" : "=r"(value));
  return value;
}

// Whether user code may execute RDFSBASE and its kind (Linux 5.9 and later,
// AT_HWCAP2 bit 1).
inline bool HasFsGsBase() { return (getauxval(AT_HWCAP2) & 2) != 0; }

// Whether Bulkhead's own code may.
inline bool UsesFsGsBase() {
#ifdef BULKHEAD_MODELLED
  return false;
#else
  return HasFsGsBase();
#endif
}

// Whether the kernel has switched protection keys on (CPUID 7.0 ECX bit 4).
inline bool HasProtectionKeys() {
#ifdef BULKHEAD_MODELLED
  return true;
#endif
  uint32_t a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & (1u << 4)) != 0;
}

// One of BH_VECTOR_: the widest vector state that the kernel saves.
inline uint32_t VectorState() {
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0 ||
      (c & bit_AVX) == 0) {
    return BH_VECTOR_SSE;
  }
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & 6) != 6) return BH_VECTOR_SSE;
  if ((low & 0xe0) != 0xe0 || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 ||
      (b & bit_AVX512F) == 0) {
    return BH_VECTOR_AVX;
  }
  return BH_VECTOR_AVX512;
}

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_ARCH_CPU_H_
