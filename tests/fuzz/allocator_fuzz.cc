// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// libFuzzer on lists of operations. How to run it: README.md.

#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/fuzz/forked_run.h"
#include "tests/fuzz/operations.h"
#include "tests/fuzz/random_operations.h"

extern "C" {
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size,
                                 const uint8_t* other, size_t other_size,
                                 uint8_t* result, size_t most, unsigned seed);
}

namespace bulkhead_fuzz {
namespace {

std::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Prints as many operations as there is room for; returns the bytes.
size_t PrintTo(OperationList list, uint8_t* data, size_t most) {
  std::string text = Print(list);
  while (text.size() > most) {
    list.pop_back();
    text = Print(list);
  }
  memcpy(data, text.data(), text.size());
  return text.size();
}

}  // namespace
}  // namespace bulkhead_fuzz

using bulkhead_fuzz::OperationList;
using bulkhead_fuzz::Parse;
using bulkhead_fuzz::Random;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bulkhead_fuzz::Outcome outcome =
      bulkhead_fuzz::RunInFork(Parse(bulkhead_fuzz::TextOf(data, size)));
  if (outcome.in_order) return 0;
  fprintf(stderr, "FOUND: %s\n%s", outcome.trouble.c_str(),
          outcome.messages.c_str());
  abort();
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most,
                               unsigned seed) {
  Random random(seed);
  OperationList list = Parse(bulkhead_fuzz::TextOf(data, size));
  // Now and then something altogether new.
  if (list.empty() || random.Once(100)) {
    const auto cast = random.Once(2) ? bulkhead_fuzz::Cast::kHonest
                                     : bulkhead_fuzz::Cast::kHostile;
    list = RandomList(random, cast, 1 + random.Below(60));
  }
  do {
    bulkhead_fuzz::Mutate(random, list);
  } while (random.Once(2));
  return bulkhead_fuzz::PrintTo(std::move(list), data, most);
}

// The beginning of one list, and the end of the other.
size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size,
                                 const uint8_t* other, size_t other_size,
                                 uint8_t* result, size_t most, unsigned seed) {
  Random random(seed);
  OperationList list = Parse(bulkhead_fuzz::TextOf(data, size));
  const OperationList tail = Parse(bulkhead_fuzz::TextOf(other, other_size));
  list.resize(random.Below(static_cast<uint32_t>(list.size() + 1)));
  const auto from = tail.begin() + static_cast<ptrdiff_t>(random.Below(
                                       static_cast<uint32_t>(tail.size() + 1)));
  list.insert(list.end(), from, tail.end());
  return bulkhead_fuzz::PrintTo(std::move(list), result, most);
}
