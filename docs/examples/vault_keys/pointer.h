// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The kept pointer: the attacker knows where the key lies and loads it.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_POINTER_H_
#define DOCS_EXAMPLES_VAULT_KEYS_POINTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "docs/examples/vault_keys/scan.h"

namespace bulkhead::vault_keys {

enum class PointerOutcome {
  kLeaked,   // the factor came out
  kStopped,  // Bulkhead reported a read of the compartment 'keys' and aborted
  kCrashed,  // neither
};

struct PointerResult {
  PointerOutcome outcome = PointerOutcome::kCrashed;
  std::string report;  // what the attacked process said on its stderr
};

const char* NameOf(PointerOutcome outcome);

// Follows `address`, where a factor of `bytes` bytes was seen, in a child.
PointerResult FollowPointer(uintptr_t address, size_t bytes, Scanner* scanner);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_POINTER_H_
