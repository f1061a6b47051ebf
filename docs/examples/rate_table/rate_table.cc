// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/rate_table/rate_table.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "absl/memory/memory.h"

namespace rate_table {

using ::bulkhead::Access;
using ::bulkhead::Compartment;

absl::StatusOr<std::unique_ptr<RateTable>> RateTable::Create() {
  Compartment::Options options = {};
  options.grants = BH_ON;
  options.scopes = BH_ON;
  absl::StatusOr<Compartment> compartment =
      Compartment::Create("rates", options);
  if (!compartment.ok()) return compartment.status();
  auto* const rows =
      static_cast<Row*>(compartment->Allocate(kRates * sizeof(Row)));
  absl::Status status = absl::OkStatus();
  if (rows == nullptr) status = absl::ResourceExhaustedError("rates");
  if (status.ok()) {
    status = compartment->WithScope([rows] {
      for (size_t i = 0; i < kRates; ++i) new (&rows[i]) Row();
    });
  }
  if (status.ok()) status = compartment->GrantEveryone(Access::kRead);
  if (!status.ok()) {
    compartment->Destroy().IgnoreError();
    return status;
  }
  return absl::WrapUnique(new RateTable(*compartment, rows));
}

RateTable::RateTable(const Compartment& compartment, Row* rows)
    : compartment_(compartment), rows_(rows) {}

// With its heap go the rates.
RateTable::~RateTable() {
  const absl::Status destroyed = compartment_.Destroy();
  if (destroyed.ok()) return;
  fprintf(stderr, "rates: %s\n", std::string(destroyed.message()).c_str());
  abort();
}

Rate RateTable::Get(size_t index) const {
  const Row& row = rows_[index];
  for (;;) {
    const uint32_t before = row.sequence.load(std::memory_order_acquire);
    const Rate rate = {row.bid.load(std::memory_order_relaxed),
                       row.ask.load(std::memory_order_relaxed)};
    std::atomic_thread_fence(std::memory_order_acquire);
    const uint32_t after = row.sequence.load(std::memory_order_relaxed);
    if (before == after && before % 2 == 0) return rate;
  }
}

absl::Status RateTable::Set(size_t index, const Rate& rate) {
  Row& row = rows_[index];
  return compartment_.WithScope([&row, &rate] {
    const uint32_t before = row.sequence.load(std::memory_order_relaxed);
    row.sequence.store(before + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    row.bid.store(rate.bid, std::memory_order_relaxed);
    row.ask.store(rate.ask, std::memory_order_relaxed);
    row.sequence.store(before + 2, std::memory_order_release);
  });
}

const volatile int64_t* RateTable::address(size_t index) const {
  return reinterpret_cast<const volatile int64_t*>(&rows_[index].bid);
}

}  // namespace rate_table
