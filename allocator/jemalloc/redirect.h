/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where jemalloc's calls into libc go: its sources are compiled with each of
 * these names redefined (jemalloc.BUILD).
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_

#include <stddef.h>
#include <sys/types.h>

/* Metadata is mapped from the metadata region, and stays there: unmapping gives
 * the pages back to the kernel but keeps the address space, and a mapping over
 * pages that are there (jemalloc's way to commit) changes only their
 * protection. Anonymous memory is all that jemalloc asks for. */
void* bulkhead_je_mmap(void* address, size_t size, int protection, int flags,
                       int file, off_t offset);
int bulkhead_je_munmap(void* address, size_t size);
int bulkhead_je_madvise(void* address, size_t size, int advice);
int bulkhead_je_mprotect(void* address, size_t size, int protection);

/* Gives the pages of an arena back to the kernel: they read as zeros. */
int bulkhead_je_purge(void* address, size_t size);

/* Fork handlers are Bulkhead's; options are compiled in; nothing is printed at
 * exit. */
int bulkhead_je_pthread_atfork(void (*prepare)(void), void (*parent)(void),
                               void (*child)(void));
int bulkhead_je_atexit(void (*function)(void));
char* bulkhead_je_secure_getenv(const char* name);
ssize_t bulkhead_je_readlink(const char* path, char* buffer, size_t size);

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_ */
