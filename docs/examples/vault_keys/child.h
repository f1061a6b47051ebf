// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// An attack that may end the process runs in a forked child, whose memory is
// the parent's; what it gets out of there comes back through a pipe.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_CHILD_H_
#define DOCS_EXAMPLES_VAULT_KEYS_CHILD_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace bulkhead::vault_keys {

// The most that an attack brings out.
inline constexpr size_t kMostLoot = 64 * 1024;

struct ChildOutcome {
  bool ran = false;     // false: no child, see errno
  int wait_status = 0;  // of waitpid(2)
  size_t loot_bytes = 0;
  std::string errors;  // what it wrote to its stderr
};

// Forks a child that calls body(context, out) and exits with 0; what it writes
// to `out` comes to `loot`, which has room for kMostLoot bytes, and the rest of
// it is lost. The child ends itself after a minute.
ChildOutcome RunInChild(void (*body)(const void* context, int out),
                        const void* context, uint8_t* loot);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_CHILD_H_
