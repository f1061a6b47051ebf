// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/keys/key_pool.h"

#include "isolation/arch/cpu.h"
#include "isolation/base/raw_log.h"
#include "isolation/sys/syscalls.h"

namespace bulkhead {
namespace {

constexpr int kMostKeys = 16;
constexpr uint32_t kDisableAccess = 1;  // PKEY_DISABLE_ACCESS
constexpr int kOpenAtStart = 2;         // metadata and frames
static_assert(static_cast<int>(KeyUse::kMetadata) < kOpenAtStart &&
              static_cast<int>(KeyUse::kFrames) < kOpenAtStart);

constexpr bool IsFor(int i, KeyUse use) { return i == static_cast<int>(use); }

// The bits of the i-th key taken, in each domain. 0: open. Both where it is
// closed to a domain, so that to clear one of them makes it read-only.
constexpr Pkru InRoot(int i, HardwareKey key) {
  if (IsFor(i, KeyUse::kMetadata)) return ReadOnly(key);
  const bool open =
      IsFor(i, KeyUse::kRootHeap) || IsFor(i, KeyUse::kSharedHeap);
  return open ? Pkru{0} : BothBits(key);
}

constexpr Pkru InSandbox(int i, HardwareKey key) {
  if (IsFor(i, KeyUse::kMetadata)) return ReadOnly(key);
  return IsFor(i, KeyUse::kSharedHeap) ? Pkru{0} : BothBits(key);
}

constexpr Pkru InMonitor(int i, HardwareKey key) {
  if (i < kOpenAtStart) return Pkru{0};
  return IsFor(i, KeyUse::kRootHeap) ? ReadOnly(key) : Closed(key);
}

}  // namespace

const char* AbsenceText(KeyAbsence absence) {
  switch (absence) {
    case KeyAbsence::kNone:
      return "protection keys are there";
    case KeyAbsence::kNoCpu:
      return "this CPU, or the hypervisor above it, offers no protection keys";
    case KeyAbsence::kNoFsGsBase:
      return "the kernel does not allow RDFSBASE (Linux before 5.9, or booted "
             "with nofsgsbase)";
    case KeyAbsence::kRefused:
      return "the kernel refused pkey_alloc; a seccomp filter is the usual "
             "cause";
    case KeyAbsence::kTooFew:
      return "too few protection keys are left in this process for a "
             "compartment";
  }
  Die("unknown reason for the absence of protection keys");
}

KeyAbsence KeyPool::TakeAll(uint64_t left) {
  if (!HasProtectionKeys()) return KeyAbsence::kNoCpu;
#ifndef BULKHEAD_MODELLED
  if (!HasFsGsBase()) return KeyAbsence::kNoFsGsBase;
#endif
  int keys[kMostKeys];
  int count = 0;
  uint32_t seen = 1;  // key 0 is nobody's to give
  long key = 0;
  while (count < kMostKeys &&
         (key = sys::PkeyAlloc(count < kOpenAtStart ? 0 : kDisableAccess)) >=
             0) {
    // A filter that answers for the kernel gives the same each time.
    if (key >= kMostKeys || (seen >> key & 1) != 0) {
      while (count > 0) sys::PkeyFree(keys[--count]);
      return KeyAbsence::kRefused;
    }
    seen |= uint32_t{1} << key;
    keys[count++] = static_cast<int>(key);
  }
  if (count == 0) {
    return key == -ENOSPC ? KeyAbsence::kTooFew : KeyAbsence::kRefused;
  }
  // Keys go back before any page carries them.
  while (left > 0 && count > 0) {
    sys::PkeyFree(keys[--count]);
    --left;
  }
  if (count <= kKeyUses) {
    while (count > 0) sys::PkeyFree(keys[--count]);
    return KeyAbsence::kTooFew;
  }
  for (int i = 0; i < count; ++i) {
    const HardwareKey taken{keys[i]};
    owned_ = owned_ | BothBits(taken);
    root_ = root_ | InRoot(i, taken);
    sandbox_ = sandbox_ | InSandbox(i, taken);
    monitor_ = monitor_ | InMonitor(i, taken);
    if (i < kKeyUses) {
      fixed_[i] = taken;
    } else {
      free_ |= uint32_t{1} << keys[i];
    }
  }
  owned_ = owned_ | BothBits(kUntagged);
  sandbox_ = sandbox_ | ReadOnly(kUntagged);
  monitor_ = monitor_ | ReadOnly(kUntagged);
  taken_ = count;
  return KeyAbsence::kNone;
}

HardwareKey KeyPool::TryAcquire() {
  if (free_ == 0) return kNoKey;
  const int key = __builtin_ctz(free_);
  free_ &= free_ - 1;
  return HardwareKey{key};
}

}  // namespace bulkhead
