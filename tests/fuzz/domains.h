// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The compartments of a list of operations, and the ways into them.

#ifndef BULKHEAD_TESTS_FUZZ_DOMAINS_H_
#define BULKHEAD_TESTS_FUZZ_DOMAINS_H_

#include <array>
#include <cstdint>
#include <mutex>

#include "bulkhead/bulkhead.h"
#include "tests/fuzz/allocator_model.h"
#include "tests/fuzz/operations.h"

namespace bulkhead_fuzz {

// Whether hardware keeps compartments apart, as against page protection or a
// model of its cost.
bool KeysAreEnforced();

// Whether the owner's threads have caches there.
bool HasCaches(Owner owner);

// Whether memory of this owner's is wiped as it is freed.
constexpr bool Wipes(Owner owner) {
  return owner != kRootOwner && owner % 2 == 1;
}

// The owner in whose domain a path ends, and whether it may write to another's
// blocks: vaults keep their callers' rights.
Owner CurrentAt(const Path& path);
bool MayWriteAt(const Path& path, Owner owner);

// By a scope into that owner's domain.
Path ScopeOf(Owner owner);

// Fails by Found() whenever Bulkhead refuses what it may not refuse.
// Thread-safe, but for Destroy().
class Domains {
 public:
  // Makes the compartments on the path that do not exist.
  void Prepare(const Path& path);
  void Prepare(Owner owner) { Prepare(ScopeOf(owner)); }
  bool Exists(Owner owner) const;
  // {0, 0} is the root's.
  bh_compartment HandleOf(Owner owner) const;
  // Ends a compartment that nobody is in.
  void Destroy(Owner owner);

  // Runs work() at the end of the path. REQUIRES: Prepare(path).
  template <typename Work>
  void Run(const Path& path, Work work) {
    Enter(
        path, [](void* context) { (*static_cast<Work*>(context))(); }, &work);
  }

 private:
  struct Visit;
  static void Go(void* visit);
  void Enter(const Path& path, void (*work)(void*), void* context);

  std::mutex mutex_;  // of creation
  std::array<bh_compartment, kOwners> handles_ = {};
};

// Whether the address lies in a cage of the owner's, of the one Domains object.
bool OwnsAddress(Owner owner, uintptr_t address);

// The one of this process.
Domains& TheDomains();

}  // namespace bulkhead_fuzz

#endif  // BULKHEAD_TESTS_FUZZ_DOMAINS_H_
