// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Exceptions that leave an entry. The gate's frame catches them (see
// isolation/arch/unwind.cc) and has them end here.

#ifndef BULKHEAD_ISOLATION_UNWIND_EXCEPTION_H_
#define BULKHEAD_ISOLATION_UNWIND_EXCEPTION_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

// Finds the program's C++ library, if it has one, before code inside can throw:
// a sandbox cannot look for it. Thread-safe.
// REQUIRES: the library is initialised.
void FindCxxLibrary();

// What bh_explain() and bh_explanation() do.
void Explain(const char* type, const char* text);
bh_exception Explanation();

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_UNWIND_EXCEPTION_H_
