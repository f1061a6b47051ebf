// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The calendar of UTC, for functions on time in a sandbox.

#ifndef BULKHEAD_ISOLATION_LIBC_CALENDAR_H_
#define BULKHEAD_ISOLATION_LIBC_CALENDAR_H_

#include <time.h>

namespace bulkhead {

// Takes a time apart; the zone's name is `zone`. False: its year does not fit,
// and the parts are as they were.
bool ToParts(time_t time, const char* zone, struct tm& parts);

// The time of these parts, each of which may be out of its range.
time_t FromParts(const struct tm& parts);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_LIBC_CALENDAR_H_
