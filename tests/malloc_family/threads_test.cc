// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The family under threads: at once, across, and as they come and go.

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

constexpr int kThreads = 8;

struct Block {
  void* p;
  size_t size;
  uint32_t seed;
};

bool CheckAndFree(const Block& block) {
  const bool intact = IsFilled(block.p, block.size, block.seed);
  free(block.p);
  return intact;
}

void RunThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, AllocateAndFreeAtOnce) {
  std::atomic<int> spoilt{0};
  RunThreads(kThreads, [&](int thread) {
    std::mt19937 random(static_cast<uint32_t>(thread));
    std::vector<Block> live;
    for (uint32_t step = 0; step < 10000; ++step) {
      const uint32_t seed = step * kThreads + static_cast<uint32_t>(thread);
      if (live.size() < 100) {
        const size_t size = random() % (step % 100 == 0 ? 100000 : 600);
        live.push_back({malloc(size), size, seed});
        Fill(live.back().p, size, seed);
      } else {
        std::swap(live[random() % live.size()], live.back());
        if (!CheckAndFree(live.back())) ++spoilt;
        live.pop_back();
      }
    }
    for (const Block& block : live) {
      if (!CheckAndFree(block)) ++spoilt;
    }
  });
  EXPECT_EQ(spoilt, 0);
}

// Hands blocks from producers to consumers, so that every free is of another
// thread's block.
class Exchange {
 public:
  void Put(std::vector<Block> batch) {
    std::unique_lock<std::mutex> lock(mutex_);
    has_room_.wait(lock, [this] { return batches_.size() < 32; });
    batches_.push_back(std::move(batch));
    has_batch_.notify_one();
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    has_batch_.notify_all();
  }
  bool Take(std::vector<Block>* batch) {
    std::unique_lock<std::mutex> lock(mutex_);
    has_batch_.wait(lock, [this] { return !batches_.empty() || closed_; });
    if (batches_.empty()) return false;
    *batch = std::move(batches_.back());
    batches_.pop_back();
    has_room_.notify_one();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_batch_;
  std::condition_variable has_room_;
  std::vector<std::vector<Block>> batches_;
  bool closed_ = false;
};

TEST(Threads, FreeEachOthersBlocks) {
  Exchange exchange;
  std::atomic<int> spoilt{0};
  std::atomic<int> producing{kThreads / 2};
  RunThreads(kThreads, [&](int thread) {
    std::vector<Block> batch;
    if (thread % 2 == 0) {
      for (uint32_t step = 0; step < 300; ++step) {
        for (uint32_t i = 0; i < 50; ++i) {
          const size_t size = (step * 37 + i * 11) % 3000;
          batch.push_back({malloc(size), size, step + i});
          Fill(batch.back().p, size, step + i);
        }
        exchange.Put(std::move(batch));
        batch.clear();
      }
      if (--producing == 0) exchange.Close();
    } else {
      while (exchange.Take(&batch)) {
        for (const Block& block : batch) {
          if (!CheckAndFree(block)) ++spoilt;
        }
      }
    }
  });
  EXPECT_EQ(spoilt, 0);
}

TEST(Threads, OneProducerAndOneConsumerStayBounded) {
  const auto one_round = [] {
    Exchange exchange;
    std::thread consumer([&] {
      std::vector<Block> batch;
      while (exchange.Take(&batch)) {
        for (const Block& block : batch) free(block.p);
      }
    });
    for (int step = 0; step < 500; ++step) {
      std::vector<Block> batch;
      for (int i = 0; i < 100; ++i) {
        batch.push_back({malloc(1000), 1000, 0});
        Fill(batch.back().p, 1000, 0);
      }
      exchange.Put(std::move(batch));
    }
    exchange.Close();
    consumer.join();
  };
  one_round();
  const size_t before = ResidentBytes();
  one_round();
  // 50 MB went through; memory that only its maker could reuse would pile up.
  EXPECT_LT(ResidentBytes(), before + 24 * kMiB);
}

TEST(Threads, ReallocEachOthersBlocks) {
  std::vector<Block> blocks(400);
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i] = {malloc(i * 20), i * 20, static_cast<uint32_t>(i)};
    Fill(blocks[i].p, blocks[i].size, blocks[i].seed);
  }
  std::atomic<int> spoilt{0};
  RunThreads(kThreads, [&](int thread) {
    for (size_t i = static_cast<size_t>(thread); i < blocks.size();
         i += kThreads) {
      void* const p = realloc(blocks[i].p, 10000);
      if (!IsFilled(p, blocks[i].size, blocks[i].seed)) ++spoilt;
      free(p);
    }
  });
  EXPECT_EQ(spoilt, 0);
}

TEST(Threads, AThousandComeAndGoWithoutLeaking) {
  std::vector<Block> left_behind;
  std::mutex mutex;
  std::atomic<int> spoilt{0};
  const auto churn = [&](int threads) {
    for (int done = 0; done < threads; done += kThreads) {
      RunThreads(kThreads, [&](int thread) {
        std::vector<Block> blocks;
        for (uint32_t i = 0; i < 200; ++i) {
          const size_t size =
              1 + (i * 97 + static_cast<uint32_t>(thread)) % 900;
          blocks.push_back({malloc(size), size, i});
          Fill(blocks.back().p, size, i);
        }
        for (size_t i = 0; i < blocks.size(); i += 2) {
          if (!CheckAndFree(blocks[i])) ++spoilt;
        }
        // The other half outlives its thread.
        std::lock_guard<std::mutex> lock(mutex);
        for (size_t i = 1; i < blocks.size(); i += 2) {
          left_behind.push_back(blocks[i]);
        }
      });
      for (const Block& block : left_behind) {
        if (!CheckAndFree(block)) ++spoilt;
      }
      left_behind.clear();
    }
  };
  churn(200);
  const size_t before = ResidentBytes();
  churn(1000);
  EXPECT_EQ(spoilt, 0);
  EXPECT_LT(ResidentBytes(), before + 16 * kMiB)
      << "threads leave memory behind when they end";
}

TEST(Threads, ManyAtOnce) {
  constexpr int kMany = 200;
  std::atomic<int> ready{0};
  std::mutex mutex;
  std::condition_variable all_ready;
  RunThreads(kMany, [&](int) {
    void* const p = malloc(1000);
    Fill(p, 1000, 1);
    {
      std::unique_lock<std::mutex> lock(mutex);
      if (++ready == kMany) all_ready.notify_all();
      all_ready.wait(lock, [&] { return ready == kMany; });
    }
    free(p);
    free(calloc(10, 10));
  });
  EXPECT_EQ(ready, kMany);
}

TEST(Threads, ASmallStackIsEnough) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN), 0);
  const auto body = [](void*) -> void* {
    for (const size_t size : {100, 20000, 300000}) {
      void* p = malloc(size);
      p = realloc(p, 2 * size);
      free(p);
      free(memalign(4096, size));
    }
    return nullptr;
  };
  for (int i = 0; i < 20; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, &attributes, body, nullptr), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
  }
  pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace bulkhead
