// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Takes snapshots of a heap of a given shape, on the preloaded Bulkhead:
//   snapshots --snapshots=N --mebibytes=N --threads=N
// That many MiB lie in blocks of 1,000 bytes, and that many threads with caches
// wait beside. Prints the bytes of the last text.

#include <dlfcn.h>

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace {

// bh_stats() of bulkhead.h.
using Stats = int (*)(char* buffer, size_t size, size_t* needed);

char text[1 << 20];

uint64_t ReadNumber(int argc, char** argv, const char* option) {
  const size_t length = strlen(option);
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], option, length) == 0) {
      return strtoull(argv[i] + length, nullptr, 10);
    }
  }
  fprintf(stderr, "snapshots: no %s\n", option);
  exit(2);
}

// A few blocks of several classes, of which a cache keeps the most.
void UseCache() {
  for (size_t size = 16; size < 4096; size *= 2) free(malloc(size));
}

class Waiting {
 public:
  explicit Waiting(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        UseCache();
        std::unique_lock<std::mutex> hold(mutex_);
        ++ready_;
        changed_.notify_all();
        changed_.wait(hold, [this] { return done_; });
      });
    }
    std::unique_lock<std::mutex> hold(mutex_);
    changed_.wait(hold, [&] { return ready_ == count; });
  }
  ~Waiting() {
    {
      const std::lock_guard<std::mutex> hold(mutex_);
      done_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t ready_ = 0;
  bool done_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t snapshots = ReadNumber(argc, argv, "--snapshots=");
  const uint64_t mebibytes = ReadNumber(argc, argv, "--mebibytes=");
  const uint64_t threads = ReadNumber(argc, argv, "--threads=");
  const auto stats = reinterpret_cast<Stats>(dlsym(RTLD_DEFAULT, "bh_stats"));
  if (stats == nullptr) {
    fputs("snapshots: Bulkhead is not preloaded\n", stderr);
    return 2;
  }
  for (uint64_t i = 0; i < mebibytes * 1024; ++i) {
    void* const block = malloc(1000);
    if (block == nullptr) return 3;
    memset(block, 1, 1000);
  }
  UseCache();
  const Waiting waiting(threads);
  size_t needed = 0;
  for (uint64_t i = 0; i < snapshots; ++i) {
    if (stats(text, sizeof(text), &needed) != 0) return 4;
  }
  printf("bytes=%zu\n", needed);
  return 0;
}
