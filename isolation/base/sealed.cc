// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/base/sealed.h"

extern "C" {

// Defined by sealed.lds.
extern __attribute__((visibility("hidden"))) char bulkhead_sealed_begin[];
extern __attribute__((visibility("hidden"))) char bulkhead_sealed_end[];
extern __attribute__((visibility("hidden"))) char bulkhead_settled_begin[];
extern __attribute__((visibility("hidden"))) char bulkhead_settled_end[];

}  // extern "C"

namespace bulkhead {
namespace {

PageRange Between(const char* begin, const char* end) {
  const auto first = reinterpret_cast<uintptr_t>(begin);
  return {first, reinterpret_cast<uintptr_t>(end) - first};
}

}  // namespace

PageRange SealedData() {
  return Between(bulkhead_sealed_begin, bulkhead_sealed_end);
}

PageRange SettledData() {
  return Between(bulkhead_settled_begin, bulkhead_settled_end);
}

}  // namespace bulkhead
