/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program with a malloc of its own, as browsers and databases have.
 */
#include <stdlib.h>

static char block[1 << 20];
static size_t used = 0;

__attribute__((visibility("default"))) void* malloc(size_t size) {
  size_t start = used;
  used += (size + 15) & ~(size_t)15;
  return used <= sizeof(block) ? block + start : NULL;
}

__attribute__((visibility("default"))) void free(void* pointer) {
  (void)pointer;
}

int main(void) { return malloc(1) == NULL; }
