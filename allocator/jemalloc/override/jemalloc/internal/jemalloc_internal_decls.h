/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Stands before jemalloc's header of the same name, which is the next that is
 * included after its configuration: the build that measures what counts cost
 * has none.
 */
#ifndef BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_JEMALLOC_INTERNAL_DECLS_H_
#define BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_JEMALLOC_INTERNAL_DECLS_H_

#ifdef BULKHEAD_UNCOUNTED
#undef JEMALLOC_STATS
#endif

#include_next "jemalloc/internal/jemalloc_internal_decls.h"

#endif /* BULKHEAD_ALLOCATOR_JEMALLOC_OVERRIDE_JEMALLOC_INTERNAL_DECLS_H_ */
