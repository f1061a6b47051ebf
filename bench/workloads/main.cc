// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// One workload of the benchmark per run, on whatever malloc is preloaded. This
// program is linked with none. Prints the time of the workload, without the
// start of the process, and the file that malloc came from.

#include <dlfcn.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/workloads/workloads.h"

namespace bulkhead {
namespace bench {

char* Allocate(size_t bytes) { return Reallocate(nullptr, bytes); }

char* Reallocate(char* object, size_t bytes) {
  void* result = object == nullptr ? malloc(bytes) : realloc(object, bytes);
  if (result == nullptr) {
    fputs("workloads: no memory\n", stderr);
    _Exit(3);
  }
  return static_cast<char*>(result);
}

namespace {

struct Workload {
  const char* name;
  uint64_t (*run)(uint64_t amount);
  // About a second of work.
  double amount;
  const char* unit;
};

constexpr Workload kWorkloads[] = {
    {"pairs", Pairs, 40e6, "pairs"},
    {"pairs_without_malloc", PairsWithoutMalloc, 40e6, "pairs"},
    {"bursts", Bursts, 40e3, "bursts of 1,000"},
    {"producer_consumer", ProducerConsumer, 20e6, "objects"},
    {"reallocs", Reallocs, 2e3, "cycles of 16 buffers"},
    {"mixed_threads", MixedThreads, 200e3, "objects in each of two threads"},
    {"idle", Idle, 1, "processes"},
};

int Usage() {
  fputs("usage: workloads NAME [--scale=F | --amount=N]\n\n", stderr);
  for (const Workload& workload : kWorkloads) {
    fprintf(stderr, "  %-22s %.0f %s\n", workload.name, workload.amount,
            workload.unit);
  }
  return 2;
}

// Whether the text of `option`, NAME=NUMBER, is there in full.
bool ReadNumber(const char* argument, const char* option, double* value) {
  const size_t length = strlen(option);
  if (strncmp(argument, option, length) != 0) return false;
  char* end = nullptr;
  *value = strtod(argument + length, &end);
  return end != argument + length && *end == '\0' && *value > 0;
}

const char* FileOfMalloc() {
  Dl_info info;
  void* symbol = dlsym(RTLD_DEFAULT, "malloc");
  if (symbol == nullptr || dladdr(symbol, &info) == 0) return "unknown";
  return info.dli_fname;
}

int Main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return Usage();
  const Workload* found = nullptr;
  for (const Workload& workload : kWorkloads) {
    if (strcmp(workload.name, argv[1]) == 0) found = &workload;
  }
  if (found == nullptr) return Usage();
  double amount = found->amount;
  if (argc == 3) {
    double number = 0;
    if (ReadNumber(argv[2], "--scale=", &number)) {
      amount *= number;
    } else if (ReadNumber(argv[2], "--amount=", &number)) {
      amount = number;
    } else {
      return Usage();
    }
  }
  const uint64_t units = amount < 1 ? 1 : static_cast<uint64_t>(amount);
  const auto begin = std::chrono::steady_clock::now();
  const uint64_t checksum = found->run(units);
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  printf("seconds=%.6f amount=%" PRIu64 " checksum=%" PRIu64 " malloc=%s\n",
         seconds.count(), units, checksum, FileOfMalloc());
  return 0;
}

}  // namespace
}  // namespace bench
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::bench::Main(argc, argv); }
