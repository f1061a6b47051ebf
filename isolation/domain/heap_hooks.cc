// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/heap_hooks.h"

#include "isolation/base/sealed.h"

namespace bulkhead {

constinit BULKHEAD_CONSTANT_AFTER_START HeapHooks heap_hooks;

}  // namespace bulkhead
