/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where jemalloc's calls into libc go: libc_names.h puts these in the place of
 * the functions that they are named after. None calls libc.
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_

#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#pragma GCC visibility push(hidden)

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

/* One for all threads, and nothing depends on it once jemalloc has started: a
 * thread's own lies where the program can write. */
int* bulkhead_je_errno_location(void);
char* bulkhead_je_strerror_r(int error, char* buffer, size_t size);

__attribute__((noreturn)) void bulkhead_je_abort(void);

/* Every call tells the time that was last looked up: where jemalloc asks for
 * it, a system call would be a good part of the work. What the kernel keeps at
 * each tick is enough. */
void bulkhead_je_look_up_time(void);
int bulkhead_je_clock_gettime(clockid_t clock, struct timespec* time);

/* Tells threads apart. The calling thread has a record. */
pthread_t bulkhead_je_pthread_self(void);

/* How many processors there are decides whether locks spin. */
int bulkhead_je_sched_getaffinity(pid_t thread, size_t size, cpu_set_t* set);
int bulkhead_je_sched_cpucount(size_t size, const cpu_set_t* set);
long bulkhead_je_sysconf(int name);

/* System calls as they are. */
int bulkhead_je_open(const char* path, int flags, ...);
int bulkhead_je_close(int file);
ssize_t bulkhead_je_read(int file, void* buffer, size_t size);
ssize_t bulkhead_je_write(int file, const void* buffer, size_t size);
int bulkhead_je_sched_yield(void);
pid_t bulkhead_je_getpid(void);

/* Profiles are not written. */
int bulkhead_je_creat(const char* path, mode_t mode);

#pragma GCC visibility pop

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_REDIRECT_H_ */
