// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/statistics/snapshot.h"

#include <cstring>
#include <set>
#include <vector>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"

namespace bulkhead_test {
namespace {

char buffer[1 << 20];

const std::set<std::string> kClassFields = {
#define BH_CLASS_FIELD(name, meaning) #name,
#include "allocator/stats/fields.inc"
};

std::set<std::string> HeapFields() {
  return {
      "name",
      "id",
      "generation",
      "classes",
#define BH_HEAP_FIELD(name, meaning) #name,
#include "allocator/stats/fields.inc"
  };
}

std::set<std::string> Names(const Json& json) {
  std::set<std::string> names;
  for (const auto& [name, value] : json.object) names.insert(name);
  return names;
}

// The fields of a heap that are sums over its classes.
void CheckSums(const Json& heap) {
  for (const char* field : {"live", "cached", "allocations", "frees",
                            "abandoned", "refills", "flushes"}) {
    uint64_t sum = 0;
    for (const Json& of_class : heap["classes"].array) {
      sum += of_class[field].number;
    }
    EXPECT_EQ(heap[field].number, sum) << field;
  }
  uint64_t live_bytes = 0;
  uint64_t cached_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t last_size = 0;
  for (const Json& of_class : heap["classes"].array) {
    EXPECT_EQ(Names(of_class), kClassFields);
    EXPECT_GT(of_class["size"].number, last_size);
    last_size = of_class["size"].number;
    live_bytes += of_class["live"].number * last_size;
    cached_bytes += of_class["cached"].number * last_size;
    resident_bytes += of_class["resident_bytes"].number;
    EXPECT_EQ(of_class["allocations"].number,
              of_class["frees"].number + of_class["live"].number +
                  of_class["cached"].number + of_class["abandoned"].number);
    EXPECT_GE(of_class["monitor_entries"].number,
              of_class["refills"].number + of_class["flushes"].number);
  }
  EXPECT_EQ(heap["live_bytes"].number, live_bytes);
  EXPECT_EQ(heap["cached_bytes"].number, cached_bytes);
  EXPECT_GE(heap["resident_bytes"].number, resident_bytes);
  EXPECT_GE(heap["committed_bytes"].number, heap["resident_bytes"].number);
}

const char* Take() {
  size_t needed = 0;
  const bh_status status = bh_stats(buffer, sizeof(buffer), &needed);
  EXPECT_EQ(status, BH_OK);
  EXPECT_EQ(strlen(buffer) + 1, needed);
  return buffer;
}

}  // namespace

Snapshot::Snapshot() : Snapshot(Take()) {}

Snapshot::Snapshot(const char* text) {
  if (!ParseJson(text, json_)) {
    ADD_FAILURE() << "no JSON: " << text;
    return;
  }
  EXPECT_EQ(Names(json_),
            (std::set<std::string>{"schema", "pid", "program", "level",
                                   "compartments", "monitor_entries"}));
  EXPECT_EQ(json_["schema"].number, 1u);
  uint64_t monitor_entries = 0;
  for (const Json& heap : json_["compartments"].array) {
    EXPECT_EQ(Names(heap), HeapFields());
    CheckSums(heap);
    monitor_entries += heap["monitor_entries"].number;
  }
  EXPECT_GE(json_["monitor_entries"].number, monitor_entries);
}

bool Snapshot::HasHeap(const std::string& compartment) const {
  return Find(compartment).kind != Json::Kind::kNothing;
}

const Json& Snapshot::Find(const std::string& compartment) const {
  static const Json nothing;
  for (const Json& heap : json_["compartments"].array) {
    if (heap["name"].text == compartment) return heap;
  }
  return nothing;
}

uint64_t Snapshot::Heap(const std::string& compartment,
                        const std::string& field) const {
  const Json& value = Find(compartment)[field];
  EXPECT_EQ(value.kind, Json::Kind::kNumber) << compartment << " " << field;
  return value.number;
}

uint64_t Snapshot::Class(const std::string& compartment, size_t size,
                         const std::string& field) const {
  EXPECT_EQ(kClassFields.count(field), 1u) << field;
  EXPECT_TRUE(HasHeap(compartment)) << compartment;
  for (const Json& of_class : Find(compartment)["classes"].array) {
    if (of_class["size"].number == size) return of_class[field].number;
  }
  return 0;
}

}  // namespace bulkhead_test
