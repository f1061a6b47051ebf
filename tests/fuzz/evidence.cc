// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/evidence.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace bulkhead_fuzz {
namespace {

int own_memory = -1;

}  // namespace

Evidence& TheEvidence() {
  static Evidence* const evidence = [] {
    void* shared = mmap(nullptr, sizeof(Evidence), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) abort();
    return new (shared) Evidence;
  }();
  return *evidence;
}

void Found(const char* format, ...) {
  Evidence& evidence = TheEvidence();
  if (!evidence.found.exchange(true)) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(evidence.text, sizeof(evidence.text), format, arguments);
    va_end(arguments);
  }
  _exit(kFoundStatus);
}

void OpenOutside() {
  if (own_memory >= 0) close(own_memory);
  own_memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (own_memory < 0) abort();
}

bool ReadFromOutside(uintptr_t address, void* to, size_t size) {
  return pread(own_memory, to, size, static_cast<off_t>(address)) ==
         static_cast<ssize_t>(size);
}

}  // namespace bulkhead_fuzz
