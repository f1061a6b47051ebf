/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prints what it was started with, one "name=value" a line, and exits with 7.
 */
#include <stdio.h>
#include <stdlib.h>

static void PrintVariable(const char* name) {
  const char* value = getenv(name);
  printf("%s=%s\n", name, value == NULL ? "(unset)" : value);
}

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("argv%d=%s\n", i, argv[i]);
  PrintVariable("LD_PRELOAD");
  PrintVariable("BULKHEAD_OPTIONS");
  PrintVariable("SERVED_BY");
  /* Volatile, or the compiler drops both calls. */
  void* volatile block = malloc(100);
  free(block);
  PrintVariable("SERVED_BY");
  return 7;
}
