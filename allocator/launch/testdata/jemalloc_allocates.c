/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Allocates through jemalloc's own interface, as BIND does.
 */
#include <stddef.h>

void* mallocx(size_t size, int flags);
__attribute__((visibility("default"))) void* AllocateThroughJemalloc(void);

void* AllocateThroughJemalloc(void) { return mallocx(1, 0); }

#ifndef AS_LIBRARY
int main(void) { return AllocateThroughJemalloc() == NULL; }
#endif
