// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Each function beside libc's, at every short size and offset, and at sizes
// around the one where the method changes.

#include "isolation/sys/memory.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace {

constexpr size_t kSizes[] = {0,  1,  2,   3,   7,   8,   9,   15,  16,
                             31, 64, 100, 127, 128, 129, 255, 1000};
constexpr size_t kRoom = 1100;

std::vector<unsigned char> Pattern() {
  std::vector<unsigned char> bytes(kRoom);
  for (size_t i = 0; i < kRoom; ++i) {
    bytes[i] = static_cast<unsigned char>(i * 7 + 1);
  }
  return bytes;
}

int Sign(int value) { return (value > 0) - (value < 0); }

TEST(MemoryTest, CopiesAndSetsAsLibcDoes) {
  for (const size_t size : kSizes) {
    for (size_t offset = 0; offset < 17; ++offset) {
      auto source = Pattern();
      std::vector<unsigned char> expected(kRoom, 9), found(kRoom, 9);
      memcpy(&expected[offset], &source[3], size);
      EXPECT_EQ(bulkhead_memcpy(&found[offset], &source[3], size),
                &found[offset]);
      EXPECT_EQ(found, expected) << size << " at " << offset;
      memset(&expected[offset], -3, size);
      EXPECT_EQ(bulkhead_memset(&found[offset], -3, size), &found[offset]);
      EXPECT_EQ(found, expected) << size << " at " << offset;
    }
  }
}

TEST(MemoryTest, MovesWithinItselfBothWays) {
  for (const size_t size : kSizes) {
    for (size_t distance = 0; distance < 17; ++distance) {
      auto expected = Pattern(), found = Pattern();
      memmove(&expected[distance], &expected[0], size);
      EXPECT_EQ(bulkhead_memmove(&found[distance], &found[0], size),
                &found[distance]);
      EXPECT_EQ(found, expected) << size << " up by " << distance;
      memmove(&expected[0], &expected[distance], size);
      bulkhead_memmove(&found[0], &found[distance], size);
      EXPECT_EQ(found, expected) << size << " down by " << distance;
    }
  }
}

TEST(MemoryTest, ComparesAndFinds) {
  const unsigned char low[] = {1, 2, 3, 4}, high[] = {1, 2, 200, 4};
  EXPECT_EQ(bulkhead_memcmp(low, high, 2), 0);
  EXPECT_LT(bulkhead_memcmp(low, high, 4), 0);
  EXPECT_GT(bulkhead_memcmp(high, low, 4), 0);
  EXPECT_EQ(bulkhead_memchr(high, 200, 4), &high[2]);
  EXPECT_EQ(bulkhead_memchr(high, 200 - 256, 4), &high[2]);
  EXPECT_EQ(bulkhead_memchr(high, 4, 3), nullptr);
}

TEST(MemoryTest, StringsAsLibcDoes) {
  const char* const texts[] = {"", "a", "ab", "abc", "abd", "\xff", "b"};
  for (const char* a : texts) {
    EXPECT_EQ(bulkhead_strlen(a), strlen(a));
    for (const char c : {'a', 'c', '\0', '\xff'}) {
      EXPECT_EQ(bulkhead_strchr(a, c), strchr(a, c)) << a << " " << c;
    }
    for (const char* b : texts) {
      EXPECT_EQ(Sign(bulkhead_strcmp(a, b)), Sign(strcmp(a, b)))
          << a << " " << b;
      for (size_t n = 0; n < 5; ++n) {
        EXPECT_EQ(Sign(bulkhead_strncmp(a, b, n)), Sign(strncmp(a, b, n)))
            << a << " " << b << " " << n;
      }
    }
    for (size_t n = 0; n < 6; ++n) {
      std::string expected(8, '.'), found(8, '.');
      const size_t text = std::min(n, strlen(a));
      std::copy_n(a, text, expected.begin());
      std::fill_n(expected.begin() + text, n - text, '\0');
      EXPECT_EQ(bulkhead_strncpy(found.data(), a, n), found.data());
      EXPECT_EQ(found, expected);
    }
  }
}

}  // namespace
