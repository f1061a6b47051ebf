// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// qsort(): libc asks for the size of memory when there is much to sort, and
// keeps it.

#include <stdlib.h>
#include <string.h>

#include <cstddef>

#include "isolation/libc/forward.h"
#include "isolation/thread/current.h"

namespace bulkhead {
namespace {

using Compare = int (*)(const void*, const void*, void*);

struct Elements {
  size_t size;
  Compare compare;
  void* context;

  bool InOrder(const char* a, const char* b) const {
    return compare(a, b, context) <= 0;
  }

  // Merges the sorted [begin, middle) and [middle, end) into `to`.
  void Merge(const char* begin, const char* middle, const char* end,
             char* to) const {
    const char* a = begin;
    const char* b = middle;
    while (a != middle && b != end) {
      const char*& next = InOrder(a, b) ? a : b;
      memcpy(to, next, size);
      to += size;
      next += size;
    }
    const auto left = static_cast<size_t>(middle - a);
    memcpy(to, a, left);
    memcpy(to + left, b, static_cast<size_t>(end - b));
  }

  // By merging runs of doubling length, from the one place into the other.
  void SortWith(char* base, size_t bytes, char* spare) const {
    char* from = base;
    char* to = spare;
    for (size_t run = size; run < bytes; run *= 2) {
      for (size_t at = 0; at < bytes; at += 2 * run) {
        const size_t middle = at + run < bytes ? at + run : bytes;
        const size_t end = middle + run < bytes ? middle + run : bytes;
        Merge(from + at, from + middle, from + end, to + at);
      }
      char* const sorted = to;
      to = from;
      from = sorted;
    }
    if (from != base) memcpy(base, from, bytes);
  }

  // Where there is no memory: by exchanging neighbours.
  void SortInPlace(char* base, size_t bytes) const {
    for (char* end = base + size; end < base + bytes; end += size) {
      for (char* at = end; at != base && !InOrder(at - size, at); at -= size) {
        for (size_t i = 0; i < size; ++i) {
          const char other = at[i];
          at[i] = at[i - size];
          at[i - size] = other;
        }
      }
    }
  }
};

void Sort(void* base, size_t count, const Elements& elements) {
  const size_t bytes = count * elements.size;
  if (count < 2 || elements.size == 0) return;
  auto* begin = static_cast<char*>(base);
  auto* spare = static_cast<char*>(malloc(bytes));
  if (spare != nullptr) {
    elements.SortWith(begin, bytes, spare);
  } else {
    elements.SortInPlace(begin, bytes);
  }
  free(spare);
}

int CallWithoutContext(const void* a, const void* b, void* compare) {
  return reinterpret_cast<int (*)(const void*, const void*)>(compare)(a, b);
}

}  // namespace
}  // namespace bulkhead

using ::bulkhead::RunsInSandbox;

BULKHEAD_SERVES void qsort(void* base, size_t count, size_t size,
                           int (*compare)(const void*, const void*)) {
  if (!RunsInSandbox()) {
    return BULKHEAD_LIBCS(qsort)(base, count, size, compare);
  }
  bulkhead::Sort(
      base, count,
      {size, bulkhead::CallWithoutContext, reinterpret_cast<void*>(compare)});
}

BULKHEAD_SERVES void qsort_r(void* base, size_t count, size_t size,
                             int (*compare)(const void*, const void*, void*),
                             void* context) {
  if (!RunsInSandbox()) {
    return BULKHEAD_LIBCS(qsort_r)(base, count, size, compare, context);
  }
  bulkhead::Sort(base, count, {size, compare, context});
}
