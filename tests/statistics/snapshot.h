// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What bh_stats() says, read.

#ifndef BULKHEAD_TESTS_STATISTICS_SNAPSHOT_H_
#define BULKHEAD_TESTS_STATISTICS_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/statistics/json.h"

namespace bulkhead_test {

// One snapshot: of what the heaps held before the object existed. The object
// itself takes some hundred small blocks, and vectors of a power of two times
// the size of a Json.
class Snapshot {
 public:
  // Fails the test, and is empty, where the text is not what docs/statistics.md
  // says: JSON, all fields and no others, sums that agree.
  Snapshot();

  // Of a text that bh_stats() wrote before.
  explicit Snapshot(const char* text);

  // The value of a compartment's field, or of one of its size classes'; 0 of a
  // class that never had a block. Fails the test where there is no such
  // compartment or field.
  uint64_t Heap(const std::string& compartment, const std::string& field) const;
  uint64_t Class(const std::string& compartment, size_t size,
                 const std::string& field) const;

  bool HasHeap(const std::string& compartment) const;

  const Json& json() const { return json_; }

 private:
  const Json& Find(const std::string& compartment) const;

  Json json_;
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_STATISTICS_SNAPSHOT_H_
