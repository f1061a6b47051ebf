// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/libc/calendar.h"

#include <cstdint>

namespace bulkhead {
namespace {

constexpr int64_t kDaySeconds = 86400;
constexpr int64_t kFirstYear = 1900;  // of struct tm
// The Gregorian calendar repeats itself after this many years.
constexpr int64_t kEraYears = 400;
constexpr int64_t kEraDays = 146097;
// From the first of March of year 0 to the first of January of 1970.
constexpr int64_t kEpochDay = 719468;
constexpr int64_t kEpochWeekday = 4;

int64_t DivideDown(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

int64_t Remainder(int64_t a, int64_t b) { return a - DivideDown(a, b) * b; }

// Days since 1970-01-01 of a month's first. Years begin in March here, so that
// the day that only some have is their last.
int64_t FirstDay(int64_t year, int64_t month) {
  const int64_t shifted_year = month < 2 ? year - 1 : year;
  const int64_t since_march = Remainder(month - 2, 12);
  const int64_t era = DivideDown(shifted_year, kEraYears);
  const int64_t year_of_era = shifted_year - era * kEraYears;
  const int64_t day_of_year = (153 * since_march + 2) / 5;
  const int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * kEraDays + day_of_era - kEpochDay;
}

struct Date {
  int64_t year;
  int64_t month;  // from 0
  int64_t day;    // from 1
};

Date ToDate(int64_t days) {
  const int64_t since_march = days + kEpochDay;
  const int64_t era = DivideDown(since_march, kEraDays);
  const int64_t day_of_era = since_march - era * kEraDays;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 +
                               day_of_era / 36524 - day_of_era / 146096) /
                              365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t march_month = (5 * day_of_year + 2) / 153;
  const int64_t month = (march_month + 2) % 12;
  const int64_t year = era * kEraYears + year_of_era + (month < 2 ? 1 : 0);
  return {year, month, day_of_year - (153 * march_month + 2) / 5 + 1};
}

}  // namespace

bool ToParts(time_t time, const char* zone, struct tm& parts) {
  const int64_t days = DivideDown(time, kDaySeconds);
  const int64_t seconds = time - days * kDaySeconds;
  const Date date = ToDate(days);
  const int64_t year = date.year - kFirstYear;
  if (year != static_cast<int>(year)) return false;
  parts = {};
  parts.tm_sec = static_cast<int>(seconds % 60);
  parts.tm_min = static_cast<int>(seconds / 60 % 60);
  parts.tm_hour = static_cast<int>(seconds / 3600);
  parts.tm_mday = static_cast<int>(date.day);
  parts.tm_mon = static_cast<int>(date.month);
  parts.tm_year = static_cast<int>(year);
  parts.tm_wday = static_cast<int>(Remainder(days + kEpochWeekday, 7));
  parts.tm_yday = static_cast<int>(days - FirstDay(date.year, 0));
  parts.tm_zone = zone;
  return true;
}

time_t FromParts(const struct tm& parts) {
  const int64_t year =
      kFirstYear + parts.tm_year + DivideDown(parts.tm_mon, 12);
  const int64_t days =
      FirstDay(year, Remainder(parts.tm_mon, 12)) + parts.tm_mday - int64_t{1};
  return days * kDaySeconds + parts.tm_hour * int64_t{3600} +
         parts.tm_min * int64_t{60} + parts.tm_sec;
}

}  // namespace bulkhead
