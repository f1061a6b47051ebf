// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The workloads of the benchmark, and what they have in common. Each does
// `amount` units of its work and returns a checksum that does not depend on
// which malloc served it, nor on its speed.

#ifndef BULKHEAD_BENCH_WORKLOADS_WORKLOADS_H_
#define BULKHEAD_BENCH_WORKLOADS_WORKLOADS_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {
namespace bench {

// A malloc and a free of 16 to 512 bytes, beside 1,000 objects that live.
uint64_t Pairs(uint64_t amount);

// The loop of Pairs on one fixed object, without malloc and free: what is to be
// taken off when instructions are counted.
uint64_t PairsWithoutMalloc(uint64_t amount);

// 1,000 objects of 16 to 512 bytes are taken, then all of them given back.
uint64_t Bursts(uint64_t amount);

// One object goes from the thread that takes it to one that gives it back.
uint64_t ProducerConsumer(uint64_t amount);

// 16 buffers grow by half at a time from 16 bytes to 64 KiB, and shrink by half
// at a time back to where they began.
uint64_t Reallocs(uint64_t amount);

// In each of two threads an object of 16 bytes to 1 MiB, each power of two as
// often as the others, takes the place of one of 256.
uint64_t MixedThreads(uint64_t amount);

// Takes one object, says "ready", and waits until standard input ends.
uint64_t Idle(uint64_t amount);

// xorshift64*: cheap, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}

  uint32_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>((state_ * 0x2545f4914f6cdd1du) >> 32);
  }

  // From `least` to `most`, both included.
  size_t Between(size_t least, size_t most) {
    return least +
           static_cast<size_t>((uint64_t{Next()} * (most - least + 1)) >> 32);
  }

 private:
  uint64_t state_;
};

// malloc and realloc that end the program when there is no memory.
char* Allocate(size_t bytes);
char* Reallocate(char* object, size_t bytes);

}  // namespace bench
}  // namespace bulkhead

#endif  // BULKHEAD_BENCH_WORKLOADS_WORKLOADS_H_
