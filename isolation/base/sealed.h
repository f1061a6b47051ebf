/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where Bulkhead's own static data lies: on pages that hold nothing else, in
 * the shared object as in a program that links Bulkhead statically, so that
 * they can be protected as a whole. sealed.lds lays them out.
 *
 * A definition carries one of these; tests/seal finds those that do not.
 */
#ifndef BULKHEAD_ISOLATION_BASE_SEALED_H_
#define BULKHEAD_ISOLATION_BASE_SEALED_H_

/* Data that changes as long as the process lives. */
#define BULKHEAD_SEALED __attribute__((section("bulkhead_sealed")))

/* Data that only start-up writes; afterwards its pages can be made read-only.
 */
#define BULKHEAD_CONSTANT_AFTER_START \
  __attribute__((section("bulkhead_settled")))

#ifdef __cplusplus

#include "isolation/base/ids.h"

namespace bulkhead {

// All BULKHEAD_SEALED variables, and all static data of jemalloc. Empty in a
// program that has none. Runs in: any domain; signal-safe.
PageRange SealedData();

// All BULKHEAD_CONSTANT_AFTER_START variables. As above.
PageRange SettledData();

}  // namespace bulkhead

#endif /* __cplusplus */

#endif /* BULKHEAD_ISOLATION_BASE_SEALED_H_ */
