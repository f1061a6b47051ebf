// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/malloc_family/allocator_under_test.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "bulkhead/bulkhead.h"

namespace bulkhead {
namespace {

unsigned char PatternByte(size_t index, uint32_t seed) {
  return static_cast<unsigned char>((index * 131 + seed * 2654435761u) >> 3);
}

// Patterns repeat after this many bytes, so that large blocks are compared with
// memcmp and not byte by byte: the emulated machine is slow.
constexpr size_t kPatternPeriod = 2048;

std::vector<unsigned char> PatternPeriod(uint32_t seed) {
  std::vector<unsigned char> period(kPatternPeriod);
  for (size_t i = 0; i < kPatternPeriod; ++i) period[i] = PatternByte(i, seed);
  return period;
}

}  // namespace

void* FindSymbol(const char* name) { return dlsym(RTLD_DEFAULT, name); }

bool OnBulkhead() {
  static const bool on_bulkhead = FindSymbol("bh_get_level") != nullptr;
  return on_bulkhead;
}

uint64_t RootAllocations() {
  static const auto get_heap_stats =
      reinterpret_cast<decltype(&bh_get_heap_stats)>(
          FindSymbol("bh_get_heap_stats"));
  bh_heap_stats stats = {};
  if (get_heap_stats == nullptr ||
      get_heap_stats(bh_compartment{0, 0}, &stats) != BH_OK) {
    std::fprintf(stderr, "bh_get_heap_stats() does not answer for the root\n");
    std::abort();
  }
  return stats.allocations;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total_pages = 0;
  size_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  EXPECT_GT(resident_pages, 0u) << "/proc/self/statm does not answer";
  return resident_pages * kPageSize;
}

std::vector<size_t> InterestingSizes(size_t largest) {
  std::vector<size_t> sizes;
  for (size_t size = 0; size <= 1040; ++size) sizes.push_back(size);
  for (size_t power = 1024; power <= largest; power *= 2) {
    for (const size_t quarter : {4, 5, 6, 7}) {
      const size_t size = power / 4 * quarter;
      if (size + 1 > largest) break;
      sizes.insert(sizes.end(), {size - 1, size, size + 1});
    }
  }
  return sizes;
}

void Fill(void* p, size_t size, uint32_t seed) {
  auto* bytes = static_cast<unsigned char*>(p);
  if (size <= kPatternPeriod) {
    for (size_t i = 0; i < size; ++i) bytes[i] = PatternByte(i, seed);
    return;
  }
  const std::vector<unsigned char> period = PatternPeriod(seed);
  for (size_t done = 0; done < size; done += kPatternPeriod) {
    std::memcpy(bytes + done, period.data(),
                std::min(kPatternPeriod, size - done));
  }
}

bool IsFilled(const void* p, size_t size, uint32_t seed) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  if (size <= kPatternPeriod) {
    for (size_t i = 0; i < size; ++i) {
      if (bytes[i] != PatternByte(i, seed)) return false;
    }
    return true;
  }
  const std::vector<unsigned char> period = PatternPeriod(seed);
  for (size_t done = 0; done < size; done += kPatternPeriod) {
    if (std::memcmp(bytes + done, period.data(),
                    std::min(kPatternPeriod, size - done)) != 0) {
      return false;
    }
  }
  return true;
}

bool IsZero(const void* p, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(p);
  // A block that equals itself one byte further on repeats its first byte.
  return size == 0 ||
         (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

int RunInChild(const std::function<int()>& body, unsigned seconds) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    _exit(body());
  }
  EXPECT_GT(child, 0) << std::strerror(errno);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child) << std::strerror(errno);
  return status;
}

}  // namespace bulkhead
