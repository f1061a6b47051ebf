// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/allocator.h"

#include <dlfcn.h>

namespace bulkhead::vault_keys {
namespace {

// The start of the program or shared object that holds `address`, or nullptr.
const void* ObjectOf(const void* address) {
  Dl_info info;
  if (address == nullptr || dladdr(address, &info) == 0) return nullptr;
  return info.dli_fbase;
}

}  // namespace

const char* AllocatorOfProcess() {
  const void* const allocator = ObjectOf(dlsym(RTLD_DEFAULT, "malloc"));
  const void* const bulkhead = ObjectOf(dlsym(RTLD_DEFAULT, "bh_get_level"));
  const void* const libc =
      ObjectOf(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
  if (allocator == nullptr) return "other";
  if (allocator == bulkhead) return "bulkhead";
  return allocator == libc ? "glibc" : "other";
}

}  // namespace bulkhead::vault_keys
