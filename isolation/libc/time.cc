// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Times taken apart and put together. In a sandbox the zone is UTC: libc's is
// read from a file into its variables.

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "isolation/libc/calendar.h"
#include "isolation/libc/forward.h"
#include "isolation/libc/inside.h"

namespace bulkhead {
namespace {

// As libc names them for gmtime() and, where TZ is UTC, for localtime().
constexpr char kGmt[] = "GMT";
constexpr char kUtc[] = "UTC";

struct tm* TakeApart(time_t time, const char* zone, struct tm* parts) {
  if (ToParts(time, zone, *parts)) return parts;
  errno = EOVERFLOW;
  return nullptr;
}

time_t PutTogether(struct tm* parts, const char* zone) {
  const time_t time = FromParts(*parts);
  if (ToParts(time, zone, *parts)) return time;
  errno = EOVERFLOW;
  return -1;
}

char* ToText(time_t time, char* buffer) {
  struct tm parts;
  if (TakeApart(time, kUtc, &parts) == nullptr) return nullptr;
  return asctime_r(&parts, buffer);
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::kept_inside;
using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES struct tm* gmtime_r(const time_t* time, struct tm* parts) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(gmtime_r)(time, parts);
  return bulkhead::TakeApart(*time, bulkhead::kGmt, parts);
}

BULKHEAD_SERVES struct tm* gmtime(const time_t* time) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(gmtime)(time);
  return bulkhead::TakeApart(*time, bulkhead::kGmt, &kept_inside.time);
}

BULKHEAD_SERVES struct tm* localtime_r(const time_t* time, struct tm* parts) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(localtime_r)(time, parts);
  return bulkhead::TakeApart(*time, bulkhead::kUtc, parts);
}

BULKHEAD_SERVES struct tm* localtime(const time_t* time) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(localtime)(time);
  return bulkhead::TakeApart(*time, bulkhead::kUtc, &kept_inside.time);
}

BULKHEAD_SERVES time_t mktime(struct tm* parts) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(mktime)(parts);
  return bulkhead::PutTogether(parts, bulkhead::kUtc);
}

BULKHEAD_SERVES time_t timegm(struct tm* parts) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(timegm)(parts);
  return bulkhead::PutTogether(parts, bulkhead::kGmt);
}

BULKHEAD_SERVES char* asctime(const struct tm* parts) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(asctime)(parts);
  return asctime_r(parts, kept_inside.time_text);
}

BULKHEAD_SERVES char* ctime_r(const time_t* time, char* buffer) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(ctime_r)(time, buffer);
  return bulkhead::ToText(*time, buffer);
}

BULKHEAD_SERVES char* ctime(const time_t* time) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(ctime)(time);
  return bulkhead::ToText(*time, kept_inside.time_text);
}

BULKHEAD_SERVES void tzset() {
  if (!RunsInSandbox()) BULKHEAD_LIBCS(tzset)();
}
