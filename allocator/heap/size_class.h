// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// jemalloc's size classes, by number: 8 bytes, then multiples of 16 up to 128,
// then four to each doubling. The class of 8 is not used: malloc aligns to 16.
// size_class_test.cc compares these with jemalloc's own.

#ifndef BULKHEAD_ALLOCATOR_HEAP_SIZE_CLASS_H_
#define BULKHEAD_ALLOCATOR_HEAP_SIZE_CLASS_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

enum class SizeClass : uint32_t {};

constexpr uint32_t Index(SizeClass size_class) {
  return static_cast<uint32_t>(size_class);
}

inline constexpr uint32_t kSmallClasses = 36;   // of slabs: up to 14 KiB
inline constexpr uint32_t kCachedClasses = 61;  // up to 1 MiB
// The largest class that has a number of its own; what is larger shares it.
inline constexpr uint32_t kLastClass = 127;

// The number of jemalloc's class that serves `size`.
// REQUIRES: size <= PTRDIFF_MAX.
constexpr uint32_t NumberOf(size_t size) {
  if (size <= 16) return 1;
  if (size <= 128) return static_cast<uint32_t>((size + 15) / 16);
  const auto log = static_cast<uint32_t>(63 - __builtin_clzll(size - 1));
  const auto step = static_cast<uint32_t>((size - 1) >> (log - 2)) & 3;
  return 9 + 4 * (log - 7) + step;
}

// The class that serves `size`; kLastClass for what is beyond the others.
// REQUIRES: as above.
constexpr SizeClass ClassOf(size_t size) {
  const uint32_t number = NumberOf(size);
  return SizeClass{number < kLastClass ? number : kLastClass};
}

// The bytes of a block of this class, or of jemalloc's of this number.
// REQUIRES: it is not 0.
constexpr size_t SizeOf(SizeClass size_class) {
  const uint32_t index = Index(size_class);
  if (index <= 8) return size_t{index} * 16;
  const uint32_t group = (index - 9) / 4;
  const uint32_t step = (index - 9) % 4;
  return (size_t{128} << group) + (step + 1) * (size_t{32} << group);
}

// Whether blocks of a class with a number are so aligned where the size is
// rounded up to a multiple of the alignment first.
constexpr bool ClassesAlign(size_t alignment) { return alignment <= 4096; }

// The class that serves `size` bytes at a multiple of `alignment`.
// REQUIRES: ClassesAlign(alignment); size <= PTRDIFF_MAX.
constexpr SizeClass ClassOf(size_t size, size_t alignment) {
  if (alignment <= 16) return ClassOf(size);
  const size_t least = size != 0 ? size : 1;
  return ClassOf((least + alignment - 1) & ~(alignment - 1));
}

static_assert(SizeOf(SizeClass{kSmallClasses - 1}) == size_t{14} << 10);
static_assert(SizeOf(SizeClass{kCachedClasses - 1}) == size_t{1} << 20);
static_assert(ClassOf(129) == SizeClass{9} && ClassOf(256) == SizeClass{12} &&
              ClassOf(257) == SizeClass{13});

constexpr bool IsSmall(SizeClass size_class) {
  return Index(size_class) < kSmallClasses;
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_HEAP_SIZE_CLASS_H_
