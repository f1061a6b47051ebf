// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The process's protection keys: taken once at start, handed out to
// compartments, never given back to the kernel (a freed key's pages keep its
// tag, and the next owner of the key would read them).
//
// Which key is what (docs/design.md): M metadata, F signal frames, R root heap,
// S shared heap, P evicted compartments; the rest go to compartments.

#ifndef BULKHEAD_ISOLATION_KEYS_KEY_POOL_H_
#define BULKHEAD_ISOLATION_KEYS_KEY_POOL_H_

#include <cstdint>

#include "isolation/arch/pkru.h"
#include "isolation/base/ids.h"
#include "isolation/base/options.h"

namespace bulkhead {

// Uses of keys that are fixed for the life of the process.
enum class KeyUse { kMetadata, kFrames, kRootHeap, kSharedHeap, kEvicted };
inline constexpr int kKeyUses = 5;

// Why there are no protection keys.
enum class KeyAbsence {
  kNone,        // there are
  kNoCpu,       // the CPU has none, or the kernel or hypervisor hides them
  kNoFsGsBase,  // Linux before 5.9, or nofsgsbase
  kRefused,     // pkey_alloc answered EPERM, ENOSYS, EINVAL or nonsense
  kTooFew,      // others hold so many that nothing is left for compartments
};

// A sentence for a person.
const char* AbsenceText(KeyAbsence absence);

class KeyPool {
 public:
  // Takes all keys of the process but `left`, closed in the calling thread but
  // for those of metadata and frames, which start-up fills.
  // On anything but kNone the pool is empty and holds nothing.
  // REQUIRES: called once, before a second thread exists: threads older than a
  // key have it closed too, but Bulkhead's rights are then theirs by accident.
  KeyAbsence TakeAll(uint64_t left);

  HardwareKey Fixed(KeyUse use) const { return fixed_[static_cast<int>(use)]; }

  // A key for a row of the compartment table, for good, or kNoKey.
  // Not thread-safe: the monitor's lock.
  HardwareKey TryAcquire();

  // PKRU bits of all keys that the pool took, and of key 0.
  Pkru owned() const { return owned_; }
  // The value of owned() in the root's domain: its own heap, the shared one and
  // key 0, which counts as owned, open; metadata readable; the rest closed.
  Pkru root() const { return root_; }
  // In a sandbox, its own key not yet open: the shared heap open; metadata and
  // key 0 readable; the rest closed.
  Pkru sandbox() const { return sandbox_; }
  // Within the monitor: metadata and frames open; key 0 and the root's heap
  // readable; the rest closed.
  Pkru monitor() const { return monitor_; }
  int taken() const { return taken_; }

 private:
  HardwareKey fixed_[kKeyUses] = {kNoKey, kNoKey, kNoKey, kNoKey, kNoKey};
  uint32_t free_ = 0;  // bit k: key k waits for a compartment
  Pkru owned_{0};
  Pkru root_{0};
  Pkru sandbox_{0};
  Pkru monitor_{0};
  int taken_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_KEYS_KEY_POOL_H_
