// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdlib>
#include <thread>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {
namespace {

constexpr size_t kPage = 4096;

// Every page is written once: memory that nobody touches costs nothing, and no
// program asks for it.
void Touch(char* object, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kPage) {
    object[at] = static_cast<char>(bytes);
  }
}

uint64_t Churn(uint64_t amount, uint64_t seed) {
  std::array<char*, 256> live = {};
  Random random(seed);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < amount; ++i) {
    char*& object = live[random.Between(0, live.size() - 1)];
    const size_t most = size_t{32} << random.Between(0, 15);
    const size_t bytes = random.Between(most / 2, most);
    if (object != nullptr) checksum += static_cast<unsigned char>(*object);
    free(object);
    object = Allocate(bytes);
    Touch(object, bytes);
  }
  for (char* object : live) free(object);
  return checksum;
}

}  // namespace

uint64_t MixedThreads(uint64_t amount) {
  uint64_t other = 0;
  std::thread thread([&other, amount] { other = Churn(amount, 5); });
  const uint64_t own = Churn(amount, 4);
  thread.join();
  return own + other;
}

}  // namespace bench
}  // namespace bulkhead
