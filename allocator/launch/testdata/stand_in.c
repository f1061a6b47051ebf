/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A malloc to preload that shows that it was called: it answers from a block of
 * its own and sets SERVED_BY when it serves 100 bytes.
 */
#include <errno.h>
#include <malloc.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static alignas(4096) char block[16 << 20];
static size_t used = 0;
static char marker[] = "SERVED_BY=stand-in";

static void* Take(size_t alignment, size_t size) {
  const size_t header = 16;
  size_t start = (used + header + alignment - 1) & ~(alignment - 1);
  if (start > sizeof(block) || size > sizeof(block) - start) {
    errno = ENOMEM;
    return NULL;
  }
  memcpy(block + start - header, &size, sizeof(size));
  used = start + size;
  return block + start;
}

EXPORT void* malloc(size_t size) {
  if (size == 100) putenv(marker);
  return Take(16, size);
}

EXPORT void free(void* pointer) { (void)pointer; }

EXPORT void* calloc(size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return Take(16, bytes);
}

EXPORT void* realloc(void* pointer, size_t size) {
  void* fresh = Take(16, size);
  if (pointer == NULL || fresh == NULL) return fresh;
  size_t old = 0;
  memcpy(&old, (char*)pointer - 16, sizeof(old));
  return memcpy(fresh, pointer, old < size ? old : size);
}

EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return Take(alignment < 16 ? 16 : alignment, size);
}

EXPORT void* memalign(size_t alignment, size_t size) {
  return aligned_alloc(alignment, size);
}

EXPORT int posix_memalign(void** result, size_t alignment, size_t size) {
  *result = aligned_alloc(alignment, size);
  return *result == NULL ? ENOMEM : 0;
}
