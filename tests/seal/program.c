/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program that Bulkhead is linked into, with static data of its own.
 */
#include <stdlib.h>

extern int other_jemalloc_data;
extern int other_jemalloc_bss[4096];

static volatile int program_data = 1;
static volatile int program_bss[4096];

int main(void) {
  void* block = malloc(1);

  program_data = other_jemalloc_data + (block != NULL);
  program_bss[program_data] = other_jemalloc_bss[program_data];
  free(block);
  return program_bss[program_data];
}
