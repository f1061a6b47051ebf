// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/rate_table/readers.h"

namespace rate_table {

Rate RateOf(uint64_t update) {
  const auto bid = static_cast<int64_t>(update);
  return {bid, bid + 1};
}

bool IsWhole(const Rate& rate) {
  return rate.ask == rate.bid + 1 || (rate.ask == 0 && rate.bid == 0);
}

Readers::Readers(const RateTable& table) {
  for (int i = 0; i < kReaders; ++i) {
    threads_.emplace_back([this, &table] { Read(table); });
  }
}

Readers::~Readers() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Readers::Read(const RateTable& table) {
  while (!stop_) {
    for (size_t i = 0; i < RateTable::kRates; ++i) {
      if (!IsWhole(table.Get(i))) ++torn_;
    }
    lookups_ += RateTable::kRates;
  }
}

void WriteAstray(const RateTable& table) {
  *const_cast<volatile int64_t*>(table.address(17)) = -1;
}

}  // namespace rate_table
