/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/variables/more.h"

#include "bulkhead/variables.h"

BULKHEAD_PRIVATE(vault) int more_secret = 4711;
BULKHEAD_PRIVATE(vault) char more_bytes[5000];
