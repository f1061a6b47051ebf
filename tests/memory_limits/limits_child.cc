// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Asks for memory until there is no more, and shows that it can go on.
//
//   limits_child WORK [OBSTACLE]
//
// Prints "served=BYTES", what it got before the first refusal, and exits with 0
// if every refusal was NULL with ENOMEM (or bad_alloc), every block stayed
// intact, and memory was to be had again after freeing. An OBSTACLE is put up
// before the work begins.

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <future>
#include <initializer_list>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace bulkhead {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;
// More than any limit that the tests set; a heap that serves this much ignores
// its limit.
constexpr size_t kBeyondEveryLimit = 3072 * kMiB;
constexpr int kExitUsage = 2;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "limits_child: %s (errno: %s)\n", what, strerror(errno));
  _Exit(EXIT_FAILURE);
}

void Check(bool condition, const char* what) {
  if (!condition) Fail(what);
}

// Blocks in a list that runs through them, so that keeping track of them asks
// the allocator for nothing.
class Blocks {
 public:
  // Takes blocks of `size` bytes until one is refused; returns the bytes
  // served. The first bytes of every page are written.
  template <typename Allocate>
  size_t TakeAll(size_t size, const Allocate& allocate) {
    size_t served = 0;
    for (;;) {
      errno = 0;
      auto* const block = static_cast<Block*>(allocate(size));
      if (block == nullptr) return served;
      for (size_t at = kStride; at + sizeof(size_t) <= size; at += kStride) {
        *reinterpret_cast<size_t*>(reinterpret_cast<char*>(block) + at) = at;
      }
      *block = {newest_, size, this};
      newest_ = block;
      served += size;
      Check(served < kBeyondEveryLimit, "memory never ran out");
    }
  }

  // Frees `count` blocks, the newest first, having checked them.
  void Free(size_t count) {
    for (; count > 0 && newest_ != nullptr; --count) {
      Block* const block = newest_;
      newest_ = block->next;
      Check(block->owner == this, "a block was overwritten");
      for (size_t at = kStride; at + sizeof(size_t) <= block->size;
           at += kStride) {
        Check(*reinterpret_cast<size_t*>(reinterpret_cast<char*>(block) + at) ==
                  at,
              "a block was overwritten");
      }
      free(block);
    }
  }

 private:
  static constexpr size_t kStride = 64 * kKiB;
  struct Block {
    Block* next;
    size_t size;
    const void* owner;
  };
  Block* newest_ = nullptr;
};

void* Malloc(size_t size) {
  void* const p = malloc(size);
  Check(p != nullptr || errno == ENOMEM, "NULL without ENOMEM");
  return p;
}

void* Calloc(size_t size) {
  void* const p = calloc(size, 1);
  Check(p != nullptr || errno == ENOMEM, "NULL without ENOMEM");
  return p;
}

void* Memalign(size_t size) {
  void* const p = memalign(64 * kKiB, size);
  Check(p != nullptr || errno == ENOMEM, "NULL without ENOMEM");
  return p;
}

void* PosixMemalign(size_t size) {
  void* p = nullptr;
  const int result = posix_memalign(&p, 4096, size);
  Check(result == 0 || (result == ENOMEM && p == nullptr),
        "posix_memalign gave neither memory nor ENOMEM");
  return p;
}

void* New(size_t size) {
  try {
    return ::operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* NewNothrow(size_t size) { return ::operator new(size, std::nothrow); }

// Exhausts memory with one function and goes on: twice, to see that a refusal
// spoils nothing.
size_t ExhaustWith(size_t size, void* (*allocate)(size_t)) {
  Blocks blocks;
  const size_t served = blocks.TakeAll(size, allocate);
  blocks.Free(SIZE_MAX);
  const size_t again = blocks.TakeAll(size, allocate);
  // The little that a heap holds before it first grows may fragment.
  Check(again >= served / 2 || served < 8 * kMiB,
        "less than half came back after freeing all");
  blocks.Free(SIZE_MAX);
  void* const small = malloc(100);
  Check(small != nullptr || served < 1000, "not even 100 bytes after freeing");
  free(small);
  return served;
}

size_t ExhaustByRealloc() {
  size_t size = kMiB;
  auto* p = static_cast<char*>(malloc(size));
  Check(p != nullptr, "not even a mebibyte");
  memset(p, 1, size);
  for (;;) {
    errno = 0;
    auto* const larger = static_cast<char*>(realloc(p, size + size / 2));
    if (larger == nullptr) break;
    p = larger;
    memset(p + size, 1, size / 2);
    size += size / 2;
    Check(size < kBeyondEveryLimit, "memory never ran out");
  }
  Check(errno == ENOMEM, "realloc gave NULL without ENOMEM");
  for (size_t i = 0; i < size; ++i) {
    Check(p[i] == 1, "a refused realloc changed the block");
  }
  free(p);
  return size;
}

// All classes at once, while small blocks come and go.
size_t ExhaustByMixture() {
  Blocks large;
  Blocks small;
  size_t served = large.TakeAll(kMiB, Malloc);
  served += small.TakeAll(48, Malloc);
  for (size_t size = 48; size <= 256 * kKiB; size *= 2) {
    large.Free(1);
    Blocks others;
    others.TakeAll(size, Malloc);
    others.Free(SIZE_MAX);
  }
  small.Free(SIZE_MAX);
  large.Free(SIZE_MAX);
  const std::string text(100000, 'x');
  Check(text.size() == 100000, "no string after freeing all");
  return served;
}

size_t ExhaustByThreads() {
  std::atomic<size_t> served{0};
  // All threads have their stacks before the first one takes what there is.
  std::atomic<int> ready{0};
  std::promise<void> all_started;
  const std::shared_future<void> start = all_started.get_future().share();
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&served, &ready, start] {
      ++ready;
      start.wait();
      Blocks blocks;
      served += blocks.TakeAll(20 * kKiB, Malloc);
      blocks.Free(SIZE_MAX);
      served += blocks.TakeAll(2000, Malloc);
      blocks.Free(SIZE_MAX);
    });
  }
  while (ready != kThreads) std::this_thread::yield();
  all_started.set_value();
  for (std::thread& thread : threads) thread.join();
  return served;
}

// What a program needs besides the heap: threads with their stacks, and
// mappings of its own.
size_t UseTheRest() {
  struct rlimit limit = {};
  getrlimit(RLIMIT_AS, &limit);
  const size_t mapping = limit.rlim_cur / 8;
  void* const mapped = mmap(nullptr, mapping, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Check(mapped != MAP_FAILED,
        "no room for a mapping of an eighth of the limit");
  for (int i = 0; i < 3; ++i) std::thread([] { free(malloc(100)); }).join();
  const std::string text(kMiB, 'x');
  Check(text.back() == 'x', "no mebibyte beside a mapping and threads");
  munmap(mapped, mapping);
  return mapping;
}

size_t JustStart() {
  const std::string text(10000, 'x');
  return text.size();
}

// Lets these system calls fail with ENOMEM from now on, and brk(), which
// returns no error but an address, with no growth. Calls that give memory back
// work.
void FailCalls(std::initializer_list<unsigned> calls) {
  std::vector<struct sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
  };
  for (const unsigned call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM));
  }
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 0, 1));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const struct sock_fprog filter = {static_cast<unsigned short>(program.size()),
                                    program.data()};
  Check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  Check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0, "seccomp");
}

// Limits the process's private writable memory to `room` more than it has.
void LimitData(size_t room) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmData:") {
  }
  size_t kib = 0;
  status >> kib;
  Check(kib > 0, "/proc/self/status has no VmData");
  const struct rlimit limit = {kib * kKiB + room, kib * kKiB + room};
  Check(setrlimit(RLIMIT_DATA, &limit) == 0, "setrlimit");
}

bool PutUp(const std::string& obstacle) {
  if (obstacle == "data-limit") {
    LimitData(64 * kMiB);
  } else if (obstacle == "no-growth") {
    FailCalls({SYS_mmap, SYS_mremap, SYS_mprotect, SYS_pkey_mprotect});
  } else if (obstacle == "no-growth-no-advice") {
    FailCalls(
        {SYS_mmap, SYS_mremap, SYS_mprotect, SYS_pkey_mprotect, SYS_madvise});
  } else {
    return obstacle == "none";
  }
  return true;
}

struct Work {
  const char* name;
  size_t (*run)();
};

const Work kWorks[] = {
    {"start", JustStart},
    {"malloc", [] { return ExhaustWith(300 * kKiB, Malloc); }},
    {"malloc-small", [] { return ExhaustWith(400, Malloc); }},
    {"malloc-slab", [] { return ExhaustWith(12 * kKiB, Malloc); }},
    {"malloc-huge", [] { return ExhaustWith(9 * kMiB, Malloc); }},
    {"calloc", [] { return ExhaustWith(100 * kKiB, Calloc); }},
    {"memalign", [] { return ExhaustWith(100 * kKiB, Memalign); }},
    {"posix-memalign", [] { return ExhaustWith(50 * kKiB, PosixMemalign); }},
    {"new", [] { return ExhaustWith(70 * kKiB, New); }},
    {"new-nothrow", [] { return ExhaustWith(70 * kKiB, NewNothrow); }},
    {"realloc", ExhaustByRealloc},
    {"mixture", ExhaustByMixture},
    {"threads", ExhaustByThreads},
    {"the-rest", UseTheRest},
};

int Main(int argc, char** argv) {
  for (const Work& work : kWorks) {
    if (argc < 2 || std::string(argv[1]) != work.name) continue;
    if (argc > 2 && !PutUp(argv[2])) break;
    std::printf("served=%zu\n", work.run());
    return EXIT_SUCCESS;
  }
  std::fprintf(stderr, "usage: %s WORK [OBSTACLE]\n", argv[0]);
  return kExitUsage;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
