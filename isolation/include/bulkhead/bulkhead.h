/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The C interface of Bulkhead (C99 and later, C++17 and later).
 *
 * A compartment owns a heap that only code inside it can reach. Threads go in
 * through gates, each of which leads to one declared entry:
 *
 *   static uint64_t Sum(uint64_t p, uint64_t n) { ... }
 *   BULKHEAD_GATE(kSum, "keys", Sum);
 *
 *   bh_compartment keys;
 *   bh_status s = bh_create("keys", NULL, &keys);
 *   if (s != BH_OK) errx(1, "%s", bh_status_text(s));
 *   bh_result r = bh_call(keys, &kSum, (uint64_t)p, n, 0, 0, 0, 0);
 *
 * Inside an entry, malloc and everything built on it serves the compartment's
 * own heap; free() goes by the address. The entry runs on a stack of its own in
 * the compartment.
 *
 * Every function here may be called from any thread and any domain unless its
 * comment says otherwise, and none is async-signal-safe unless it says so.
 */
#ifndef BULKHEAD_BULKHEAD_H_
#define BULKHEAD_BULKHEAD_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BULKHEAD_API __attribute__((visibility("default")))

/* Says to the compiler that a pointer argument is not followed. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define BULKHEAD_NOT_FOLLOWED(argument) __attribute__((access(none, argument)))
#else
#define BULKHEAD_NOT_FOLLOWED(argument)
#endif

/* What can go wrong; the list with its texts is status.inc. */
typedef enum bh_status {
#define BH_STATUS(name, code, text) name,
#include "bulkhead/status.inc"
#undef BH_STATUS
} bh_status;

/* A static text that says what the status means and what to do.
 * Async-signal-safe. */
BULKHEAD_API const char* bh_status_text(bh_status status);

/* Names a compartment. A plain value: copy it freely. A handle outlives its
 * compartment safely: its use is then BH_ERR_DESTROYED. {0, 0} is the root. */
typedef struct bh_compartment {
  uint32_t id;
  uint32_t generation;
} bh_compartment;

/* What enforces the compartments of this process. */
typedef enum bh_level {
  BH_LEVEL_NONE = 0,     /* nothing: the library is not this program's malloc */
  BH_LEVEL_MPROTECT = 1, /* page protection, opened for the whole process while
                            any thread is inside */
  BH_LEVEL_PKU = 2       /* protection keys, exact for each thread */
} bh_level;

/* The level in force. Async-signal-safe. */
BULKHEAD_API bh_level bh_get_level(void);

typedef enum bh_kind {
  /* Its domain is its caller's rights plus its own heap. For secrets. */
  BH_KIND_VAULT = 0,
  /* Its domain is its own heap and the shared one, and the globals of program
   * and libraries to read. For code that works on hostile input. Needs
   * protection keys and Linux 6.12. The first one of a process closes the
   * root's memory to all of them: create it early. */
  BH_KIND_SANDBOX = 1,
  /* The same, but it may write to globals, those of libc included, and so get
   * out if it is hostile. For finding bugs. */
  BH_KIND_RELAXED_SANDBOX = 2
} bh_kind;

typedef enum bh_switch {
  BH_DEFAULT = 0, /* as BULKHEAD_OPTIONS says */
  BH_ON = 1,
  BH_OFF = 2
} bh_switch;

/* How a compartment is made. Zero-initialise, then set what differs. */
typedef struct bh_options {
  bh_kind kind;
  size_t stack_bytes;     /* of a thread's stack inside; 0: option stack_kib */
  bh_switch wipe;         /* overwrite memory with zeros as it is freed */
  bh_switch lock;         /* keep pages out of swap (mlock2, MLOCK_ONFAULT) */
  bh_switch wipe_on_fork; /* a forked child finds the heap zeroed */
  bh_switch scopes;       /* allow bh_with_scope(); off unless BH_ON */
  bh_switch grants;       /* allow bh_grant(), which takes a second protection
                           * key; off unless BH_ON */
  /* Quotas; 0: none. What exceeds them fails by itself and harms nobody else.
   */
  size_t most_bytes;   /* of pages for the heap; allocation then fails as for
                        * want of memory */
  size_t most_threads; /* that have been inside and have not ended; one more
                        * gets BH_ERR_QUOTA */
} bh_options;

/* The declaration of an entry. Made by BULKHEAD_GATE only. Aligned, so that a
 * gate finds its row in the table of entries by an addition. */
typedef struct __attribute__((aligned(32))) bh_gate {
  const char* compartment;
  const char* name;
  uint64_t (*function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t);
} bh_gate;

/* The address of an entry, as gates call it. All declarations take it by this
 * cast, C++'s too: in C++ it makes no constant expression, and clang does not
 * let such an object share a section with a constant. */
#define BULKHEAD_AS_CALLED(function)                                          \
  ((uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t))( \
      void (*)(void))(function))

/* Declares at file scope that `function` is an entry of the compartments named
 * `compartment`, reached through the constant `gate`. `function` takes up to
 * six integers or pointers and returns one, or nothing.
 *
 * Entries are copied into a table when a compartment of that name is created;
 * the table is closed from then on. */
#define BULKHEAD_GATE(gate, compartment, function) \
  __attribute__((section("bulkhead_gates"), used)) \
  const bh_gate gate = {compartment, #function, BULKHEAD_AS_CALLED(function)}

/* Creates the compartment `name`; `options` may be NULL. `gates` and
 * `gates_end` bound the caller's own declarations: use bh_create(). */
BULKHEAD_API bh_status bh_create_with_gates(const char* name,
                                            const bh_options* options,
                                            const bh_gate* gates,
                                            const bh_gate* gates_end,
                                            bh_compartment* created);

/* The linker's bounds of this program's, or this shared object's, gates. */
extern const bh_gate __start_bulkhead_gates[]
    __attribute__((weak, visibility("hidden")));
extern const bh_gate __stop_bulkhead_gates[]
    __attribute__((weak, visibility("hidden")));

/* Creates the compartment `name` with the gates that the calling program or
 * shared object declares for it.
 * Errors: BH_ERR_NAME, _NAME_TAKEN, _OPTIONS, _NO_KEY, _TOO_MANY, _NO_MEMORY,
 * _LOCK, _TOO_MANY_ENTRIES, _NO_ALLOCATOR, _KERNEL, _LEVEL (a sandbox cannot be
 * had here), _DENIED (called in a sandbox); nothing is left behind. */
static inline bh_status bh_create(const char* name, const bh_options* options,
                                  bh_compartment* created) {
  return bh_create_with_gates(name, options, __start_bulkhead_gates,
                              __stop_bulkhead_gates, created);
}

/* Makes annotated variables (variables.h) of objects that were loaded since the
 * live compartments were created part of these. Called as an object that
 * annotates is loaded; ends the process with a message on an error. */
BULKHEAD_API void bh_tag_variables(void);

/* The heap that the root, vaults and sandboxes may all read and write: for what
 * goes into a sandbox and comes out of it. Nobody runs in it; allocate from it
 * by bh_malloc(), release by free(). It is made on the first call.
 * Errors: BH_ERR_LEVEL without protection keys, _NO_MEMORY, _TOO_MANY,
 * _NO_ALLOCATOR, _DENIED (it is not made yet, and the caller is in a sandbox).
 */
BULKHEAD_API bh_status bh_shared(bh_compartment* shared);

/* Finds a live compartment. Errors: BH_ERR_NOT_FOUND. */
BULKHEAD_API bh_status bh_find(const char* name, bh_compartment* found);

/* Gives the compartment's memory back to the kernel; pointers into it are
 * violations from then on. Errors: BH_ERR_DESTROYED, BH_ERR_BUSY while any
 * thread is inside (the compartment is left as it was), BH_ERR_KERNEL. */
BULKHEAD_API bh_status bh_destroy(bh_compartment compartment);

typedef struct bh_result {
  uint64_t value;  /* what the entry returned; 0 unless status is BH_OK */
  uint64_t status; /* a bh_status */
} bh_result;

/* Runs the entry behind `gate` inside `compartment` and returns its value.
 * Errors: BH_ERR_DESTROYED, _ENTRY, _NO_MEMORY (no stack), _DEPTH, _KERNEL,
 * _DENIED (called in a sandbox, and not allowed there: see bh_allow()); the
 * entry has then not run.
 * An exception that would leave the entry ends the process; longjmp must not
 * leave it. A thread may end in it, by pthread_exit() or cancelled. */
BULKHEAD_API bh_result bh_call(bh_compartment compartment, const bh_gate* gate,
                               uint64_t a0, uint64_t a1, uint64_t a2,
                               uint64_t a3, uint64_t a4, uint64_t a5);

/* Allows code in `sandbox` to call the entry behind `gate`, which was declared
 * by BULKHEAD_GATE for the compartment "root": bh_call({0, 0}, gate, ...)
 * inside runs it in the root's domain, on the calling thread. What it gets as
 * arguments is the sandbox's choice. Holds until the sandbox is destroyed.
 * Errors: BH_ERR_DESTROYED (it is no live sandbox), _ENTRY (no entry of the
 * root), _TOO_MANY_ENTRIES, _DENIED (called in a sandbox). */
BULKHEAD_API bh_status bh_allow(bh_compartment sandbox, const bh_gate* gate);

typedef enum bh_access {
  BH_ACCESS_NONE = 0,
  BH_ACCESS_READ = 1,
  BH_ACCESS_READ_WRITE = 2
} bh_access;

/* Lets code in the domain of `to`, or in every domain, use the heap of `owner`,
 * which was created with grants = BH_ON, as `access` says; {0, 0} is the root's
 * domain, and so that of every vault called from it. Stacks stay closed. What
 * is granted to one and to everyone adds up; BH_ACCESS_NONE revokes the one or
 * the other. It ends with either compartment.
 *
 * What is given holds for every thread on return, but for those in a vault to
 * which alone it was given: for them from their next call on. What is revoked
 * no thread can use any more on return, running or blocked in a system call:
 * the call then fails with EFAULT. To that end every thread is interrupted by a
 * signal that libc does not let programs use (33, as setuid() does); calls that
 * signals interrupt for good return EINTR. Without protection keys what is
 * granted to one compartment is open to all threads while any is inside.
 *
 * A heap that a sandbox may write is the sandbox's: code that follows pointers
 * in it, the owner's entries included, does what the sandbox wants.
 * Errors: BH_ERR_DESTROYED (of either), _NO_GRANTS, _OPTIONS (no access of the
 * three, or to itself), _KERNEL (there is no /proc/self/task; nothing has
 * changed), _NO_ANSWER (after 10 s: one thread may still have the former
 * rights), _DENIED (called in a sandbox), _NO_ALLOCATOR. Thread-safe. */
BULKHEAD_API bh_status bh_grant(bh_compartment owner, bh_compartment to,
                                bh_access access);
BULKHEAD_API bh_status bh_grant_everyone(bh_compartment owner,
                                         bh_access access);

/* Runs `function(context)` with the compartment's heap open, on the caller's
 * own stack. For trusted code, and not for secrets: locals and spilled
 * registers stay behind on a stack that everyone reads, and whoever can call
 * this function can open the compartment.
 * Errors: BH_ERR_NO_SCOPES unless the compartment was created with scopes =
 * BH_ON; as bh_call() otherwise. */
BULKHEAD_API bh_status bh_with_scope(bh_compartment compartment,
                                     void (*function)(void*), void* context);

/* Allocates from the compartment's heap, whichever compartment runs. The caller
 * can use the memory only inside. Returns NULL with errno ENOMEM, or EINVAL for
 * a compartment that does not exist (any more) or an alignment that is no power
 * of two. free() releases it, inside. */
BULKHEAD_API void* bh_malloc(bh_compartment compartment, size_t size);
BULKHEAD_API void* bh_aligned_alloc(bh_compartment compartment,
                                    size_t alignment, size_t size);

/* The compartment in whose domain the caller runs. Async-signal-safe. */
BULKHEAD_API bh_compartment bh_current(void);

/* The compartment whose cage holds `pointer`; the root's handle for anything
 * else. Async-signal-safe. */
BULKHEAD_API bh_compartment bh_owner(const void* pointer)
    BULKHEAD_NOT_FOLLOWED(1);

/* 1 if no byte of [pointer, pointer + size) lies in `compartment`, else 0 (also
 * when the range wraps around). An entry that reads or writes through a pointer
 * of its caller checks it with this first; or the caller makes it a deputy
 * against its own heap. Async-signal-safe. */
BULKHEAD_API int bh_is_outside(bh_compartment compartment, const void* pointer,
                               size_t size) BULKHEAD_NOT_FOLLOWED(2);

/* 1 if every byte of [pointer, pointer + size) lies in the cages of
 * `compartment`, else 0: also when the range wraps around, and for the root's
 * handle. Of what came out of a sandbox, see this first. Async-signal-safe. */
BULKHEAD_API int bh_is_inside(bh_compartment compartment, const void* pointer,
                              size_t size) BULKHEAD_NOT_FOLLOWED(2);

/* What an exception was that left an entry: NUL-terminated, cut where it is
 * longer. `type` is as the C++ ABI mangles it. */
typedef struct bh_exception {
  char type[72];
  char text[168];
} bh_exception;

/* Said within an entry of an exception that is about to leave it, for the
 * caller; a call that ends so returns BH_ERR_EXCEPTION. BULKHEAD_ENTRY and
 * Compartment::WithScope() say it by themselves. NULL is "". Async-signal-safe.
 */
BULKHEAD_API void bh_explain(const char* type, const char* text);

/* What was last said so on this thread, and has not been asked for; empty
 * strings otherwise. From a sandbox these are its words, no more.
 * Async-signal-safe. */
BULKHEAD_API bh_exception bh_explanation(void);

/* The name of a live compartment, "root", or NULL for one that was destroyed.
 * The text lives as long as the compartment. Async-signal-safe. */
BULKHEAD_API const char* bh_name(bh_compartment compartment);

/* What a compartment's heap holds. */
typedef struct bh_heap_stats {
  uint64_t allocations;     /* blocks that went to threads, caches included */
  uint64_t frees;           /* blocks that came back; both since its creation */
  uint64_t committed_bytes; /* address space that was made accessible */
} bh_heap_stats;

/* Errors: BH_ERR_DESTROYED, BH_ERR_NO_ALLOCATOR. */
BULKHEAD_API bh_status bh_get_heap_stats(bh_compartment compartment,
                                         bh_heap_stats* stats);

/* Writes what every heap holds, by compartment and by size class, as one line
 * of JSON without a newline, to `buffer` of `size` bytes, and a NUL behind it.
 * The fields are in docs/statistics.md, "schema" is 1; other fields may be
 * added under the same number. Allocates nothing. `buffer` is the caller's, and
 * may be NULL where `size` is 0.
 *
 * Unless `needed` is NULL, the bytes that the text takes go there, its NUL
 * included, whether they fit or not. Since other threads go on, and the buffer
 * itself is often a block, a second try needs some room to spare.
 * Errors: BH_ERR_BUFFER (the text is then empty, if `size` is not 0),
 * BH_ERR_NO_ALLOCATOR.
 * Thread-safe; makes threads that create or destroy a compartment wait. */
BULKHEAD_API bh_status bh_stats(char* buffer, size_t size, size_t* needed);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* BULKHEAD_BULKHEAD_H_ */
