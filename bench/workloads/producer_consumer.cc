// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include <sched.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {
namespace {

constexpr size_t kSlots = 4096;
// Positions are told to the other side in steps, as a real queue of batches
// does; otherwise the cache line between the threads is what is measured.
constexpr uint64_t kStep = 64;

// A ring for one writer and one reader. Positions only grow.
struct Ring {
  std::array<char*, kSlots> slots;
  alignas(64) std::atomic<uint64_t> written{0};
  alignas(64) std::atomic<uint64_t> read{0};
};

Ring ring;

void Produce(uint64_t amount) {
  Random random(3);
  for (uint64_t at = 0; at < amount; ++at) {
    while (at - ring.read.load(std::memory_order_acquire) >= kSlots) {
      sched_yield();
    }
    const size_t bytes = random.Between(16, 512);
    char* object = Allocate(bytes);
    *object = static_cast<char>(bytes);
    ring.slots[at % kSlots] = object;
    if ((at + 1) % kStep == 0 || at + 1 == amount) {
      ring.written.store(at + 1, std::memory_order_release);
    }
  }
}

uint64_t Consume(uint64_t amount) {
  uint64_t checksum = 0;
  uint64_t known = 0;
  for (uint64_t at = 0; at < amount; ++at) {
    while (at >= known) {
      known = ring.written.load(std::memory_order_acquire);
      if (at >= known) sched_yield();
    }
    char* object = ring.slots[at % kSlots];
    checksum += static_cast<unsigned char>(*object);
    free(object);
    if ((at + 1) % kStep == 0) {
      ring.read.store(at + 1, std::memory_order_release);
    }
  }
  return checksum;
}

}  // namespace

uint64_t ProducerConsumer(uint64_t amount) {
  std::thread producer(Produce, amount);
  const uint64_t checksum = Consume(amount);
  producer.join();
  return checksum;
}

}  // namespace bench
}  // namespace bulkhead
