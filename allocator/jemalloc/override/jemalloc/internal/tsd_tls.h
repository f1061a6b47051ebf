/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for jemalloc's header of the same name: a thread's state lies in
 * its Bulkhead record, found through the GS base, not in ELF TLS, which anyone
 * can write. The state outlives its thread; a later thread adopts it. (After
 * jemalloc's own clean-up mallocx() would ignore MALLOCX_ARENA and serve arena
 * 0, which holds metadata.)
 */
#ifdef JEMALLOC_INTERNAL_TSD_TLS_H
#error This file is included once, by tsd.h.
#endif
#define JEMALLOC_INTERNAL_TSD_TLS_H

#include "isolation/arch/layout.h"

#define JEMALLOC_TSD_TYPE_ATTR(type) type

/* The initial state, copied into every record. */
extern tsd_t tsd_tls;
extern pthread_key_t tsd_tsd;
extern bool tsd_booted;

JEMALLOC_ALWAYS_INLINE bool tsd_boot0(void) {
  tsd_booted = true;
  return false;
}

JEMALLOC_ALWAYS_INLINE void tsd_boot1(void) {}

JEMALLOC_ALWAYS_INLINE bool tsd_boot(void) { return tsd_boot0(); }

JEMALLOC_ALWAYS_INLINE bool tsd_booted_get(void) { return tsd_booted; }

JEMALLOC_ALWAYS_INLINE bool tsd_get_allocates(void) { return false; }

JEMALLOC_ALWAYS_INLINE tsd_t* tsd_get(bool init) {
  tsd_t* tsd;

  (void)init;
  __asm__("mov %%gs:%c1, %0" : "=r"(tsd) : "i"(BH_RECORD_BACKEND_STATE));
  return tsd;
}

JEMALLOC_ALWAYS_INLINE void tsd_set(tsd_t* val) { (void)val; }
