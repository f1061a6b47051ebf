// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Variables of the same compartment in another file, which is C.

#ifndef BULKHEAD_TESTS_VARIABLES_MORE_H_
#define BULKHEAD_TESTS_VARIABLES_MORE_H_

#ifdef __cplusplus
extern "C" {
#endif

extern int more_secret;
extern char more_bytes[5000];

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // BULKHEAD_TESTS_VARIABLES_MORE_H_
