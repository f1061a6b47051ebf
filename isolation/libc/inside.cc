// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/libc/inside.h"

namespace bulkhead {

constinit thread_local KeptInside kept_inside = {};

}  // namespace bulkhead
