// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// In a sandbox the locale is C, and texts are what they are looked up by.

#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <string.h>

#include "isolation/libc/forward.h"
#include "isolation/libc/inside.h"

namespace bulkhead {
namespace {

struct lconv OfC() {
  struct lconv c;
  // Numbers that the locale does not say.
  memset(&c, CHAR_MAX, sizeof(c));
  char* const nothing = const_cast<char*>("");
  c.decimal_point = const_cast<char*>(".");
  c.thousands_sep = nothing;
  c.grouping = nothing;
  c.int_curr_symbol = nothing;
  c.currency_symbol = nothing;
  c.mon_decimal_point = nothing;
  c.mon_thousands_sep = nothing;
  c.mon_grouping = nothing;
  c.positive_sign = nothing;
  c.negative_sign = nothing;
  return c;
}

char* Unchanged(const char* text) { return const_cast<char*>(text); }

char* UnchangedForm(const char* one, const char* many, unsigned long count) {
  return Unchanged(count == 1 ? one : many);
}

bool IsC(const char* name) {
  return name[0] == '\0' || strcmp(name, "C") == 0 ||
         strcmp(name, "POSIX") == 0;
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES char* setlocale(int category, const char* name) {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(setlocale)(category, name);
  return name == nullptr || bulkhead::IsC(name) ? bulkhead::Unchanged("C")
                                                : nullptr;
}

BULKHEAD_SERVES struct lconv* localeconv() {
  if (!RunsInSandbox()) return BULKHEAD_LIBCS(localeconv)();
  bulkhead::kept_inside.convention = bulkhead::OfC();
  return &bulkhead::kept_inside.convention;
}

BULKHEAD_SERVES char* gettext(const char* text) {
  return RunsInSandbox() ? bulkhead::Unchanged(text)
                         : BULKHEAD_LIBCS(gettext)(text);
}

BULKHEAD_SERVES char* dgettext(const char* domain, const char* text) {
  return RunsInSandbox() ? bulkhead::Unchanged(text)
                         : BULKHEAD_LIBCS(dgettext)(domain, text);
}

BULKHEAD_SERVES char* dcgettext(const char* domain, const char* text,
                                int category) {
  return RunsInSandbox() ? bulkhead::Unchanged(text)
                         : BULKHEAD_LIBCS(dcgettext)(domain, text, category);
}

BULKHEAD_SERVES char* ngettext(const char* one, const char* many,
                               unsigned long count) {
  return RunsInSandbox() ? bulkhead::UnchangedForm(one, many, count)
                         : BULKHEAD_LIBCS(ngettext)(one, many, count);
}

BULKHEAD_SERVES char* dngettext(const char* domain, const char* one,
                                const char* many, unsigned long count) {
  return RunsInSandbox() ? bulkhead::UnchangedForm(one, many, count)
                         : BULKHEAD_LIBCS(dngettext)(domain, one, many, count);
}

BULKHEAD_SERVES char* dcngettext(const char* domain, const char* one,
                                 const char* many, unsigned long count,
                                 int category) {
  return RunsInSandbox()
             ? bulkhead::UnchangedForm(one, many, count)
             : BULKHEAD_LIBCS(dcngettext)(domain, one, many, count, category);
}
