/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Uses jemalloc for statistics and sizes only, as Debian's redis-server does.
 */
#include <stddef.h>

size_t nallocx(size_t size, int flags);
int mallctl(const char* name, void* old, size_t* old_size, void* fresh,
            size_t fresh_size);

int main(void) {
  return nallocx(1, 0) == 1 ? mallctl("epoch", NULL, NULL, NULL, 0) : 1;
}
