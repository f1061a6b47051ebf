/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Included into jemalloc's sources and backend.c by the compiler's -include:
 * all that they call of libc is redirect.h's or memory.h's.
 * //tests/seal:monitor_code_test finds what is missing here.
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_LIBC_NAMES_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_LIBC_NAMES_H_

#include "isolation/sys/memory_names.h"

__asm__("__errno_location = bulkhead_je_errno_location");
__asm__("__sched_cpucount = bulkhead_je_sched_cpucount");
__asm__("abort = bulkhead_je_abort");
__asm__("atexit = bulkhead_je_atexit");
__asm__("clock_gettime = bulkhead_je_clock_gettime");
__asm__("close = bulkhead_je_close");
__asm__("creat = bulkhead_je_creat");
__asm__("getpid = bulkhead_je_getpid");
__asm__("madvise = bulkhead_je_madvise");
__asm__("mmap = bulkhead_je_mmap");
__asm__("mprotect = bulkhead_je_mprotect");
__asm__("munmap = bulkhead_je_munmap");
__asm__("open = bulkhead_je_open");
__asm__("pthread_atfork = bulkhead_je_pthread_atfork");
__asm__("pthread_self = bulkhead_je_pthread_self");
__asm__("read = bulkhead_je_read");
__asm__("readlink = bulkhead_je_readlink");
__asm__("sched_getaffinity = bulkhead_je_sched_getaffinity");
__asm__("sched_yield = bulkhead_je_sched_yield");
__asm__("secure_getenv = bulkhead_je_secure_getenv");
__asm__("strerror_r = bulkhead_je_strerror_r");
__asm__("sysconf = bulkhead_je_sysconf");
__asm__("write = bulkhead_je_write");

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_LIBC_NAMES_H_ */
