// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of grants share: a compartment whose heap holds a number.

#ifndef BULKHEAD_TESTS_GRANTS_TABLE_H_
#define BULKHEAD_TESTS_GRANTS_TABLE_H_

#include <cstdint>
#include <functional>

#include "bulkhead/compartment.h"
#include "tests/support/child.h"

namespace bulkhead_test {

inline constexpr uint64_t kNumber = 0x12345678;

// The compartment "table" as long as it lives, and a block in its heap.
class Table {
 public:
  Table();
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const bulkhead::Compartment& compartment() const { return compartment_; }
  volatile uint64_t* number() const { return number_; }

 private:
  const bulkhead::Compartment compartment_;
  volatile uint64_t* number_;
};

// Aborts where it cannot be made.
bulkhead::Compartment Make(const char* name, bh_kind kind = BH_KIND_VAULT);

// Whether a child that runs `body` ends by a report of a compartment's memory
// that was read, or written to.
bool IsReportedRead(const std::function<void()>& body);
bool IsReportedWrite(const std::function<void()>& body);
bool ReportsRead(const ChildResult& child);
bool ReportsWrite(const ChildResult& child);

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_GRANTS_TABLE_H_
