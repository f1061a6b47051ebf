/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Exports what programs import from libjemalloc.so.2 beside malloc.
 */
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void* mallocx(size_t size, int flags);
EXPORT size_t nallocx(size_t size, int flags);
EXPORT int mallctl(const char* name, void* old, size_t* old_size, void* fresh,
                   size_t fresh_size);

void* mallocx(size_t size, int flags) {
  (void)size;
  (void)flags;
  return NULL;
}

size_t nallocx(size_t size, int flags) {
  (void)flags;
  return size;
}

int mallctl(const char* name, void* old, size_t* old_size, void* fresh,
            size_t fresh_size) {
  (void)name;
  (void)old;
  (void)old_size;
  (void)fresh;
  (void)fresh_size;
  return 0;
}
