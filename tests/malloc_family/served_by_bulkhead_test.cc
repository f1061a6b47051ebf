// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// That every function of the family, and what the C library builds on it, is
// served by Bulkhead: one that was forgotten would mix two heaps. Not part of
// the control on glibc.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <new>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* p, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* __libc_valloc(size_t size);
void* __libc_pvalloc(size_t size);
}

namespace bulkhead {
namespace {

constexpr size_t kSize = 200;
constexpr uint64_t kRounds = 2000;

struct Source {
  const char* name;
  void* (*allocate)();
};

void* PosixMemalign() {
  void* p = nullptr;
  return posix_memalign(&p, 64, kSize) == 0 ? p : nullptr;
}

void* Asprintf() {
  char* text = nullptr;
  return asprintf(&text, "%0200d", 7) == 200 ? text : nullptr;
}

const Source kSources[] = {
    {"malloc", [] { return malloc(kSize); }},
    {"calloc", [] { return calloc(1, kSize); }},
    {"realloc", [] { return realloc(nullptr, kSize); }},
    {"reallocarray", [] { return reallocarray(nullptr, 1, kSize); }},
    {"memalign", [] { return memalign(64, kSize); }},
    {"aligned_alloc", [] { return aligned_alloc(64, kSize); }},
    {"posix_memalign", PosixMemalign},
    {"valloc", [] { return valloc(kSize); }},
    {"pvalloc", [] { return pvalloc(kSize); }},
    {"libc_malloc", [] { return __libc_malloc(kSize); }},
    {"libc_calloc", [] { return __libc_calloc(1, kSize); }},
    {"libc_realloc", [] { return __libc_realloc(nullptr, kSize); }},
    {"libc_memalign", [] { return __libc_memalign(64, kSize); }},
    {"libc_valloc", [] { return __libc_valloc(kSize); }},
    {"libc_pvalloc", [] { return __libc_pvalloc(kSize); }},
    {"operator_new", [] { return ::operator new(kSize); }},
    {"operator_new_array", [] { return ::operator new[](kSize); }},
    {"operator_new_nothrow",
     [] { return ::operator new(kSize, std::nothrow); }},
    {"operator_new_array_nothrow",
     [] { return ::operator new[](kSize, std::nothrow); }},
    {"operator_new_aligned",
     [] { return ::operator new (kSize, std::align_val_t{64}); }},
    {"operator_new_array_aligned",
     [] { return ::operator new[](kSize, std::align_val_t{64}); }},
    {"operator_new_aligned_nothrow",
     [] { return ::operator new (kSize, std::align_val_t{64}, std::nothrow); }},
    {"operator_new_array_aligned_nothrow",
     [] {
       return ::operator new[](kSize, std::align_val_t{64}, std::nothrow);
     }},
    {"strdup", []() -> void* { return strdup("a text of the C library"); }},
    {"asprintf", Asprintf},
    {"realpath", []() -> void* { return realpath("/proc/self", nullptr); }},
};

class ServedByBulkhead : public testing::TestWithParam<Source> {};

TEST_P(ServedByBulkhead, ItsCountGrows) {
  const uint64_t before = RootAllocations();
  std::vector<void*> blocks(kRounds);
  for (void*& block : blocks) {
    block = GetParam().allocate();
    ASSERT_NE(block, nullptr);
  }
  // The heap counts what goes to a thread's cache; some was there already.
  constexpr uint64_t kMostCached = 127;
  EXPECT_GE(RootAllocations() - before, kRounds - kMostCached);
  for (void* block : blocks) free(block);
}

INSTANTIATE_TEST_SUITE_P(All, ServedByBulkhead, testing::ValuesIn(kSources),
                         [](const testing::TestParamInfo<Source>& source) {
                           return std::string(source.param.name);
                         });

// Newer than the C library that this is built on, so looked up by name; and
// cfree(), which no header declares any more but old binaries still call.
class FreeByAnotherName : public testing::Test {
 protected:
  template <typename Function>
  static Function* Find(const char* name) {
    void* const symbol = FindSymbol(name);
    EXPECT_NE(symbol, nullptr) << name << " is not there";
    return reinterpret_cast<Function*>(symbol);
  }
};

TEST_F(FreeByAnotherName, FreeSized) {
  auto* const free_sized = Find<void(void*, size_t)>("free_sized");
  ASSERT_NE(free_sized, nullptr);
  free_sized(nullptr, 0);
  for (const size_t size : InterestingSizes(kMiB)) {
    void* const p = malloc(size);
    Fill(p, size, 1);
    errno = 7;
    free_sized(p, size);
    EXPECT_EQ(errno, 7);
  }
}

TEST_F(FreeByAnotherName, FreeAlignedSized) {
  auto* const free_aligned_sized =
      Find<void(void*, size_t, size_t)>("free_aligned_sized");
  ASSERT_NE(free_aligned_sized, nullptr);
  free_aligned_sized(nullptr, 64, 0);
  for (size_t alignment = 16; alignment <= kMiB; alignment *= 2) {
    for (const size_t size : {alignment, 4 * alignment}) {
      void* const p = aligned_alloc(alignment, size);
      ASSERT_NE(p, nullptr);
      Fill(p, size, 1);
      errno = 7;
      free_aligned_sized(p, alignment, size);
      EXPECT_EQ(errno, 7);
    }
  }
}

TEST_F(FreeByAnotherName, Cfree) {
  auto* const cfree = Find<void(void*)>("cfree");
  ASSERT_NE(cfree, nullptr);
  cfree(nullptr);
  for (const size_t size : InterestingSizes(kMiB)) {
    void* const p = calloc(1, size);
    errno = 7;
    cfree(p);
    EXPECT_EQ(errno, 7);
  }
}

}  // namespace
}  // namespace bulkhead
