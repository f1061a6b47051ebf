// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Exchange rates that one thread changes in place and all threads read.
//
// The table lies on the heap of the compartment "rates", which grants everyone
// the right to read it. Readers load from it as from any memory, without a
// gate. To write, a thread opens a scope, which Set() alone does.

#ifndef BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_RATE_TABLE_H_
#define BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_RATE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/compartment.h"

namespace rate_table {

struct Rate {
  int64_t bid = 0;
  int64_t ask = 0;
};

class RateTable {
 public:
  static constexpr size_t kRates = 1024;

  static absl::StatusOr<std::unique_ptr<RateTable>> Create();
  ~RateTable();
  RateTable(const RateTable&) = delete;
  RateTable& operator=(const RateTable&) = delete;

  // The rate as it was after some Set(), whole. REQUIRES: index < kRates.
  // Thread-safe.
  Rate Get(size_t index) const;

  // REQUIRES: index < kRates; one thread at a time.
  absl::Status Set(size_t index, const Rate& rate);

  // Where a rate lies: what a stray pointer may point at.
  const volatile int64_t* address(size_t index) const;

 private:
  // A sequence lock: odd while the rate changes.
  struct Row {
    std::atomic<uint32_t> sequence{0};
    std::atomic<int64_t> bid{0};
    std::atomic<int64_t> ask{0};
  };

  RateTable(const bulkhead::Compartment& compartment, Row* rows);

  const bulkhead::Compartment compartment_;
  Row* const rows_;  // kRates of them, in the compartment
};

}  // namespace rate_table

#endif  // BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_RATE_TABLE_H_
