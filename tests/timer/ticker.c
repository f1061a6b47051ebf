/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a program, interrupts it by a timer from start to end, forked
 * children included, as a profiler does.
 *
 *   BULKHEAD_TICKER=count      the handler counts; the default
 *   BULKHEAD_TICKER=allocate   and allocates, where the interrupted code is
 *                              outside libc, the dynamic linker and malloc's
 *                              own object
 *   BULKHEAD_TICKER_HZ=1000    how often
 *   BULKHEAD_TICKER_STATS=FILE a process that goes by exit() appends its counts
 *
 * Nothing here allocates but the handler in its second mode.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Late among the real-time signals: programs take them from SIGRTMIN on. */
#define TICK_SIGNAL (SIGRTMAX - 1)
#define MOST_RANGES 32
#define SECONDS_TO_THE_FIRST_TICK 30

struct range {
  uintptr_t begin;
  uintptr_t end;
};

/* Code that may not be interrupted by an allocation. */
static struct range closed[MOST_RANGES];
static size_t closed_count;

static int allocates;
static long interval_nanoseconds;
static unsigned long ticks;
static unsigned long allocations;

/* For programs that look it up: how often this process was interrupted. */
__attribute__((visibility("default"))) unsigned long bulkhead_ticker_ticks(
    void);
unsigned long bulkhead_ticker_ticks(void) {
  return __atomic_load_n(&ticks, __ATOMIC_RELAXED);
}

static void Die(const char* what) {
  dprintf(STDERR_FILENO, "ticker: %s: %s\n", what, strerror(errno));
  _exit(EXIT_FAILURE);
}

static int IsClosed(uintptr_t address) {
  for (size_t i = 0; i < closed_count; ++i) {
    if (address >= closed[i].begin && address < closed[i].end) return 1;
  }
  return 0;
}

/* Closes the object that one of the `wanted` addresses belongs to. */
static int CloseObject(struct dl_phdr_info* object, size_t size, void* wanted) {
  (void)size;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)* header = &object->dlpi_phdr[i];
    if (header->p_type != PT_LOAD) continue;
    const uintptr_t begin = object->dlpi_addr + header->p_vaddr;
    const uintptr_t end = begin + header->p_memsz;
    for (void* const* address = wanted; *address != NULL; ++address) {
      if ((uintptr_t)*address < begin || (uintptr_t)*address >= end) continue;
      if ((header->p_flags & PF_X) == 0 || closed_count == MOST_RANGES)
        _exit(1);
      closed[closed_count++] = (struct range){begin, end};
      break;
    }
  }
  return 0;
}

static void AllocateALittle(void) {
  enum { kBlocks = 4 };
  void* blocks[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) blocks[i] = malloc(20 << (3 * i));
  for (size_t i = 0; i < kBlocks; ++i) free(blocks[i]);
}

static void Tick(int signal, siginfo_t* info, void* raw_context) {
  (void)signal;
  (void)info;
  const ucontext_t* const context = raw_context;
  __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
  if (!allocates) return;
  if (IsClosed((uintptr_t)context->uc_mcontext.gregs[REG_RIP])) return;
  const int error = errno;
  AllocateALittle();
  errno = error;
  __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

/* By system calls: libc's may allocate, which a forked child cannot yet. */
static void StartTimer(void) {
  struct sigevent event = {0};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = TICK_SIGNAL;
  int timer = 0;
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) {
    Die("timer_create");
  }
  struct itimerspec often = {0};
  often.it_interval.tv_nsec = interval_nanoseconds;
  often.it_value.tv_nsec = interval_nanoseconds;
  if (syscall(SYS_timer_settime, timer, 0, &often, NULL) != 0) {
    Die("timer_settime");
  }
}

static void StartInForkedChild(void) {
  ticks = 0;
  allocations = 0;
  StartTimer();
}

__attribute__((constructor)) static void Start(void) {
  const char* const mode = getenv("BULKHEAD_TICKER");
  const char* const hertz = getenv("BULKHEAD_TICKER_HZ");
  allocates = mode != NULL && strcmp(mode, "allocate") == 0;
  interval_nanoseconds = 1000000000 / (hertz != NULL ? atoi(hertz) : 1000);

  void* wanted[] = {dlsym(RTLD_DEFAULT, "malloc"), dlsym(RTLD_DEFAULT, "fork"),
                    dlsym(RTLD_DEFAULT, "_dl_allocate_tls"),
                    (void*)(uintptr_t)Tick, NULL};
  dl_iterate_phdr(CloseObject, wanted);

  struct sigaction action = {0};
  action.sa_sigaction = Tick;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  /* No handler of the program's may jump out of an allocation of this one. */
  sigfillset(&action.sa_mask);
  if (sigaction(TICK_SIGNAL, &action, NULL) != 0) Die("sigaction");
  if (pthread_atfork(NULL, NULL, StartInForkedChild) != 0) Die("atfork");
  StartTimer();
}

/* Waits for the first tick: a process that was too quick proves nothing. */
static void AwaitATick(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, TICK_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
  const time_t deadline = time(NULL) + SECONDS_TO_THE_FIRST_TICK;
  while (__atomic_load_n(&ticks, __ATOMIC_RELAXED) == 0) {
    if (time(NULL) > deadline) {
      dprintf(STDERR_FILENO, "ticker: no tick came\n");
      _exit(EXIT_FAILURE);
    }
    sched_yield();
  }
}

__attribute__((destructor)) static void End(void) {
  const char* const path = getenv("BULKHEAD_TICKER_STATS");
  if (path == NULL) return;
  AwaitATick();
  char program[256] = {0};
  if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0) {
    Die("/proc/self/exe");
  }
  char line[512];
  const int length =
      snprintf(line, sizeof(line),
               "ticker: pid=%d program=%s ticks=%lu allocations=%lu\n",
               getpid(), strrchr(program, '/') + 1, ticks, allocations);
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  /* A program that has let its files or rights go leaves no counts. */
  if (file < 0) return;
  if (write(file, line, (size_t)length) != length) Die(path);
  close(file);
}
