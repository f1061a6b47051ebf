/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 */
extern int other_jemalloc_data;
extern int other_jemalloc_bss[4096];

int other_jemalloc_data = 1;
int other_jemalloc_bss[4096];
