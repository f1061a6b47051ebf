/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Imports nothing of jemalloc itself, but is linked with a library that does.
 */
#include <stddef.h>

void* AllocateThroughJemalloc(void);

int main(void) { return AllocateThroughJemalloc() == NULL; }
