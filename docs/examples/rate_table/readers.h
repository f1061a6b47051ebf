// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_READERS_H_
#define BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_READERS_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "docs/examples/rate_table/rate_table.h"

namespace rate_table {

inline constexpr int kReaders = 8;

// Whether the two belong together: ask is one above bid in every rate that the
// writer sets.
bool IsWhole(const Rate& rate);
Rate RateOf(uint64_t update);

// Threads that look up rates until the object dies.
class Readers {
 public:
  explicit Readers(const RateTable& table);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  uint64_t lookups() const { return lookups_; }
  // Of rates that were not whole.
  uint64_t torn() const { return torn_; }

 private:
  void Read(const RateTable& table);

  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> lookups_{0};
  std::atomic<uint64_t> torn_{0};
  std::vector<std::thread> threads_;
};

// A bug: writes to where a rate lies.
void WriteAstray(const RateTable& table);

}  // namespace rate_table

#endif  // BULKHEAD_DOCS_EXAMPLES_RATE_TABLE_READERS_H_
