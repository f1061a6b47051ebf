// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/heap_hooks.h"

namespace bulkhead {

constinit HeapHooks heap_hooks;

}  // namespace bulkhead
