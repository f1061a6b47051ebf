// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Hands a pointer that must not be freed to one of the functions that free.
//
//   bad_free_child WHAT HOW
//
// Prints the address first, so that the report can be compared with it, and
// "survived" if the call returns.

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <new>
#include <string_view>
#include <thread>
#include <vector>

extern "C" {
void __libc_free(void* p);
// Of C23: libc has none.
void free_sized(void* p, size_t size) __attribute__((weak));
void free_aligned_sized(void* p, size_t alignment, size_t size)
    __attribute__((weak));
}

namespace bulkhead {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kGiB = size_t{1} << 30;
constexpr int kExitUsage = 2;

// Hides where a pointer comes from: the compiler would refuse this program.
void* Launder(const void* p) {
  auto address = reinterpret_cast<uintptr_t>(p);
  asm volatile("" : "+r"(address) : : "memory");
  return reinterpret_cast<void*>(address);
}

char* Allocate(size_t size) {
  auto* const p = static_cast<char*>(malloc(size));
  if (p == nullptr) abort();
  memset(p, 1, size);
  return static_cast<char*>(Launder(p));
}

char g_static[4096] = "static";
thread_local char t_thread_local[64];

void* Mapped(size_t size) {
  void* const p = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}

// One of several blocks side by side, of which the others live on: were it the
// only one, its pages would be nobody's after the free, or another block's.
void* Freed(size_t size) {
  char* blocks[64];
  for (char*& block : blocks) block = Allocate(size);
  free(blocks[32]);
  return blocks[32];
}

// Freed, and then pushed out of the cache that holds the latest frees.
void* FreedLongAgo(size_t size) {
  void* const p = Freed(size);
  std::vector<void*> others;
  for (int i = 0; i < 5000; ++i) others.push_back(Allocate(size));
  // The block itself is among these, alive again; that one is freed as well.
  for (void* const other : others) free(other);
  return p;
}

void* FreedByAnotherThread(size_t size) {
  char* blocks[64];
  for (char*& block : blocks) block = Allocate(size);
  std::thread([&blocks] { free(blocks[32]); }).join();
  return blocks[32];
}

// The pointer that the name stands for; false for an unknown name.
bool Find(std::string_view name, char* stack, void** p) {
  if (name == "stack")
    *p = Launder(stack + 64);
  else if (name == "static")
    *p = Launder(g_static + 64);
  else if (name == "thread-local")
    *p = Launder(t_thread_local);
  else if (name == "constant")
    *p = Launder("a string literal of some length");
  else if (name == "code")
    *p = Launder(reinterpret_cast<void*>(&Mapped));
  else if (name == "mapped")
    *p = Launder(Mapped(kMiB));
  else if (name == "first-page")
    *p = Launder(reinterpret_cast<void*>(0x10));
  else if (name == "non-canonical")
    *p = Launder(reinterpret_cast<void*>(uintptr_t{1} << 60));
  else if (name == "kernel")
    *p = Launder(reinterpret_cast<void*>(UINTPTR_MAX - 4095));
  else if (name == "far-in-the-heap")
    *p = Allocate(64) + kGiB;
  else if (name == "small")
    *p = Allocate(100);
  else if (name == "page-aligned")
    *p = Launder(aligned_alloc(4096, 4096));
  else if (name == "large")
    *p = Allocate(2 * kMiB);
  else if (name == "small+1")
    *p = Allocate(100) + 1;
  else if (name == "small+8")
    *p = Allocate(100) + 8;
  else if (name == "small+16")
    *p = Allocate(100) + 16;
  else if (name == "small+96")
    *p = Allocate(100) + 96;
  else if (name == "medium+16")
    *p = Allocate(3000) + 16;
  else if (name == "medium+2048")
    *p = Allocate(3000) + 2048;
  else if (name == "slab+4096")
    *p = Allocate(12000) + 4096;
  else if (name == "large+16")
    *p = Allocate(2 * kMiB) + 16;
  else if (name == "large+4096")
    *p = Allocate(2 * kMiB) + 4096;
  else if (name == "large+1048576")
    *p = Allocate(2 * kMiB) + kMiB;
  else if (name == "freed-small")
    *p = Freed(100);
  else if (name == "freed-medium")
    *p = Freed(3000);
  else if (name == "freed-large")
    *p = Freed(2 * kMiB);
  else if (name == "freed-long-ago")
    *p = FreedLongAgo(100);
  else if (name == "freed-by-another-thread")
    *p = FreedByAnotherThread(100);
  else
    return false;
  return true;
}

// Makes any free that is still deferred happen: caches hold a bounded number of
// blocks, and these are more.
void FlushCaches() {
  for (const size_t size : {100, 3000}) {
    std::vector<void*> blocks;
    for (int i = 0; i < 5000; ++i) blocks.push_back(Allocate(size));
    for (void* const p : blocks) free(p);
  }
}

// What the program was linked with, or the preloaded library's.
template <typename Function>
Function* Linked(Function* linked, const char* name) {
  if (linked != nullptr) return linked;
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

bool Release(std::string_view how, void* p) {
  if (how == "free")
    free(p);
  else if (how == "libc-free")
    __libc_free(p);
  else if (how == "delete")
    ::operator delete(p);
  else if (how == "delete-sized")
    ::operator delete[](p, size_t{100});
  else if (how == "delete-too-small")
    ::operator delete (p, size_t{50});
  else if (how == "delete-too-large")
    ::operator delete[](p, size_t{5000});
  else if (how == "delete-sized-too-aligned")
    ::operator delete[](p, size_t{100}, std::align_val_t{256});
  else if (how == "free-sized")
    Linked(free_sized, "free_sized")(p, 50);
  else if (how == "free-aligned-sized")
    Linked(free_aligned_sized, "free_aligned_sized")(p, 64, 8192);
  else if (how == "realloc")
    free(realloc(p, 5000));
  else if (how == "realloc-to-zero")
    free(realloc(
        p, static_cast<size_t>(reinterpret_cast<uintptr_t>(Launder(nullptr)))));
  else if (how == "thread")
    std::thread([p] {
      free(p);
      FlushCaches();
    }).join();
  else
    return false;
  FlushCaches();
  return true;
}

int Main(int argc, char** argv) {
  // Nothing allocates between the making of a pointer and its release: the
  // address could be a live block's by then.
  static char output_buffer[BUFSIZ];
  setvbuf(stdout, output_buffer, _IOFBF, sizeof(output_buffer));
  char stack[4096] = "stack";
  void* p = nullptr;
  if (argc != 3 || !Find(argv[1], stack, &p) || p == nullptr) {
    std::fprintf(stderr, "usage: %s WHAT HOW\n", argv[0]);
    return kExitUsage;
  }
  std::printf("address=0x%zx\n", reinterpret_cast<uintptr_t>(p));
  std::fflush(stdout);
  if (!Release(argv[2], p)) return kExitUsage;
  std::puts("survived");
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
