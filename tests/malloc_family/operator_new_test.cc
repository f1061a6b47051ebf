// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The 8 forms of operator new and the 12 of operator delete.

#include <malloc.h>
#include <stdlib.h>

#include <array>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"

namespace bulkhead {
namespace {

using std::align_val_t;
using std::nothrow;

struct New {
  const char* name;
  void* (*allocate)(size_t size, size_t alignment);
  bool is_array;
  bool is_aligned;
  bool throws;
};

align_val_t Align(size_t alignment) { return align_val_t{alignment}; }

const New kNews[] = {
    {"plain", [](size_t n, size_t) { return ::operator new(n); }, false, false,
     true},
    {"array", [](size_t n, size_t) { return ::operator new[](n); }, true, false,
     true},
    {"nothrow", [](size_t n, size_t) { return ::operator new(n, nothrow); },
     false, false, false},
    {"array_nothrow",
     [](size_t n, size_t) { return ::operator new[](n, nothrow); }, true, false,
     false},
    {"aligned", [](size_t n, size_t a) { return ::operator new(n, Align(a)); },
     false, true, true},
    {"array_aligned",
     [](size_t n, size_t a) { return ::operator new[](n, Align(a)); }, true,
     true, true},
    {"aligned_nothrow",
     [](size_t n, size_t a) { return ::operator new(n, Align(a), nothrow); },
     false, true, false},
    {"array_aligned_nothrow",
     [](size_t n, size_t a) { return ::operator new[](n, Align(a), nothrow); },
     true, true, false},
};

struct Delete {
  const char* name;
  void (*release)(void* p, size_t size, size_t alignment);
  bool is_array;
  bool is_aligned;
};

const Delete kDeletes[] = {
    {"plain", [](void* p, size_t, size_t) { ::operator delete(p); }, false,
     false},
    {"array", [](void* p, size_t, size_t) { ::operator delete[](p); }, true,
     false},
    {"nothrow", [](void* p, size_t, size_t) { ::operator delete(p, nothrow); },
     false, false},
    {"array_nothrow",
     [](void* p, size_t, size_t) { ::operator delete[](p, nothrow); }, true,
     false},
    {"sized", [](void* p, size_t n, size_t) { ::operator delete(p, n); }, false,
     false},
    {"array_sized",
     [](void* p, size_t n, size_t) { ::operator delete[](p, n); }, true, false},
    {"aligned",
     [](void* p, size_t, size_t a) { ::operator delete(p, Align(a)); }, false,
     true},
    {"array_aligned",
     [](void* p, size_t, size_t a) { ::operator delete[](p, Align(a)); }, true,
     true},
    {"aligned_nothrow",
     [](void* p, size_t, size_t a) { ::operator delete(p, Align(a), nothrow); },
     false, true},
    {"array_aligned_nothrow",
     [](void* p, size_t, size_t a) {
       ::operator delete[](p, Align(a), nothrow);
     },
     true, true},
    {"sized_aligned",
     [](void* p, size_t n, size_t a) { ::operator delete(p, n, Align(a)); },
     false, true},
    {"array_sized_aligned",
     [](void* p, size_t n, size_t a) { ::operator delete[](p, n, Align(a)); },
     true, true},
};

void ReleaseWithAny(const New& form, void* p, size_t size, size_t alignment) {
  for (const Delete& release : kDeletes) {
    if (release.is_array == form.is_array &&
        release.is_aligned == form.is_aligned) {
      release.release(p, size, alignment);
      return;
    }
  }
  FAIL() << "no delete matches " << form.name;
}

// Handlers are plain functions, so what they do and see is global.
int g_handler_calls = 0;

class OperatorNew : public testing::TestWithParam<New> {
 protected:
  ~OperatorNew() override { std::set_new_handler(nullptr); }
  void SetUp() override { g_handler_calls = 0; }
};

TEST_P(OperatorNew, ServesAlignedMemory) {
  const New& form = GetParam();
  for (size_t alignment = 16; alignment <= (form.is_aligned ? kMiB : 16);
       alignment *= 2) {
    for (const size_t size : {0, 1, 8, 16, 100, 1000, 5000, 70000, 300000}) {
      void* const p = form.allocate(size, alignment);
      ASSERT_NE(p, nullptr);
      EXPECT_TRUE(IsAligned(p, alignment)) << size << " at " << alignment;
      EXPECT_GE(malloc_usable_size(p), size);
      Fill(p, size, 1);
      ReleaseWithAny(form, p, size, alignment);
    }
  }
}

TEST_P(OperatorNew, ZeroBytesAreUnique) {
  std::set<void*> blocks;
  for (int i = 0; i < 100; ++i) {
    void* const p = GetParam().allocate(Hide(size_t{0}), 64);
    ASSERT_NE(p, nullptr);
    EXPECT_TRUE(blocks.insert(p).second);
  }
  for (void* const p : blocks) ReleaseWithAny(GetParam(), p, 0, 64);
}

TEST_P(OperatorNew, FailureThrowsOrReturnsNull) {
  std::vector<size_t> sizes = {kLargestSize, kLargestSize + 1, SIZE_MAX - 4096};
  // The aligned forms of libstdc++ round SIZE_MAX up to 0 and serve that.
  if (OnBulkhead() || !GetParam().is_aligned) sizes.push_back(SIZE_MAX);
  for (const size_t size : sizes) {
    SCOPED_TRACE(size);
    if (GetParam().throws) {
      EXPECT_THROW(GetParam().allocate(Hide(size), 64), std::bad_alloc);
    } else {
      EXPECT_EQ(GetParam().allocate(Hide(size), 64), nullptr);
    }
  }
}

TEST_P(OperatorNew, CallsTheNewHandlerUntilItIsGone) {
  std::set_new_handler([] {
    if (++g_handler_calls == 3) std::set_new_handler(nullptr);
  });
  if (GetParam().throws) {
    EXPECT_THROW(GetParam().allocate(Hide(kLargestSize), 64), std::bad_alloc);
  } else {
    EXPECT_EQ(GetParam().allocate(Hide(kLargestSize), 64), nullptr);
  }
  EXPECT_EQ(g_handler_calls, 3);
}

struct HandlerFailure : std::bad_alloc {
  const char* what() const noexcept override { return "thrown by handler"; }
};

TEST_P(OperatorNew, WhatTheNewHandlerThrowsArrives) {
  std::set_new_handler([] {
    ++g_handler_calls;
    throw HandlerFailure();
  });
  if (GetParam().throws) {
    EXPECT_THROW(GetParam().allocate(Hide(kLargestSize), 64), HandlerFailure);
  } else {
    EXPECT_EQ(GetParam().allocate(Hide(kLargestSize), 64), nullptr);
  }
  EXPECT_EQ(g_handler_calls, 1);
}

TEST_P(OperatorNew, TheNewHandlerMayAllocate) {
  std::set_new_handler([] {
    ++g_handler_calls;
    std::vector<std::string> strings(100, std::string(100, 'x'));
    if (strings.back().size() == 100) std::set_new_handler(nullptr);
  });
  if (GetParam().throws) {
    EXPECT_THROW(GetParam().allocate(Hide(kLargestSize), 64), std::bad_alloc);
  } else {
    EXPECT_EQ(GetParam().allocate(Hide(kLargestSize), 64), nullptr);
  }
  EXPECT_EQ(g_handler_calls, 1);
}

TEST_P(OperatorNew, SuccessCallsNoHandler) {
  std::set_new_handler([] { ++g_handler_calls; });
  void* const p = GetParam().allocate(100, 64);
  EXPECT_EQ(g_handler_calls, 0);
  ReleaseWithAny(GetParam(), p, 100, 64);
}

INSTANTIATE_TEST_SUITE_P(All, OperatorNew, testing::ValuesIn(kNews),
                         [](const testing::TestParamInfo<New>& form) {
                           return std::string(form.param.name);
                         });

class OperatorDelete : public testing::TestWithParam<Delete> {};

TEST_P(OperatorDelete, TakesNullAndKeepsErrno) {
  errno = 7;
  GetParam().release(nullptr, 0, 64);
  EXPECT_EQ(errno, 7);
}

TEST_P(OperatorDelete, GivesTheMemoryBack) {
  const Delete& form = GetParam();
  const auto one_round = [&form] {
    for (const New& allocate : kNews) {
      if (allocate.is_array != form.is_array ||
          allocate.is_aligned != form.is_aligned) {
        continue;
      }
      for (int i = 0; i < 2000; ++i) {
        for (const size_t size : {size_t{24}, size_t{16000}}) {
          void* const p = allocate.allocate(size, 64);
          Fill(p, size < 100 ? size : 100, 1);
          errno = 7;
          form.release(p, size, 64);
          ASSERT_EQ(errno, 7);
        }
      }
    }
  };
  one_round();
  const size_t before = ResidentBytes();
  one_round();
  EXPECT_LT(ResidentBytes(), before + 8 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(All, OperatorDelete, testing::ValuesIn(kDeletes),
                         [](const testing::TestParamInfo<Delete>& form) {
                           return std::string(form.param.name);
                         });

struct alignas(256) OverAligned {
  std::array<char, 300> bytes;
};

TEST(NewExpression, HonoursTheTypesAlignment) {
  for (int i = 0; i < 100; ++i) {
    const auto one = std::make_unique<OverAligned>();
    const auto many = std::make_unique<OverAligned[]>(5);
    EXPECT_TRUE(IsAligned(one.get(), 256));
    EXPECT_TRUE(IsAligned(many.get(), 256));
  }
}

TEST(NewExpression, AnArrayLengthThatOverflowsThrows) {
  const size_t count = Hide(SIZE_MAX / 2);
  // From gcc std::bad_array_new_length, which is one; clang asks for SIZE_MAX.
  EXPECT_THROW(std::make_unique<uint64_t[]>(count), std::bad_alloc);
}

struct ThrowsWhenMade {
  ThrowsWhenMade() { throw std::string("made badly"); }
  std::array<char, 1000> bytes;
};

TEST(NewExpression, AConstructorThatThrowsLeaksNothing) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_THROW(std::make_unique<ThrowsWhenMade>(), std::string);
  }
}

TEST(NewExpression, StandardContainersWork) {
  std::vector<std::unique_ptr<std::string>> strings;
  for (size_t i = 0; i < 20000; ++i) {
    strings.push_back(std::make_unique<std::string>(i % 300, 'a'));
  }
  size_t total = 0;
  for (const auto& string : strings) total += string->size();
  EXPECT_EQ(total, [] {
    size_t sum = 0;
    for (size_t i = 0; i < 20000; ++i) sum += i % 300;
    return sum;
  }());
}

}  // namespace
}  // namespace bulkhead
