// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DOCS_EXAMPLES_VAULT_KEYS_ALLOCATOR_H_
#define DOCS_EXAMPLES_VAULT_KEYS_ALLOCATOR_H_

namespace bulkhead::vault_keys {

// Whose malloc this process calls, as the dynamic linker resolved it:
// "bulkhead", "glibc" or "other".
const char* AllocatorOfProcess();

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_ALLOCATOR_H_
