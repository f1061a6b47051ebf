// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/coexistence/other_user.h"

#include <cpuid.h>
#include <errno.h>
#include <sys/mman.h>

#include "gtest/gtest.h"
#include "tests/support/mappings.h"

namespace bulkhead_test {
namespace {

constexpr size_t kBytes = OtherUser::kPages * OtherUser::kPageBytes;

char ByteAt(size_t i) { return static_cast<char>(i * 7 + i / 4096); }

}  // namespace

bool HasKeys() {
  unsigned a, b, c, d;
  constexpr unsigned kOspke = 1u << 4;  // CPUID 7.0 ECX
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & kOspke) != 0;
}

int Bits(int key) { return key > 0 ? pkey_get(key) : kNoBits; }

int SetBits(int key, int bits) {
  if (key <= 0) return kNoBits;
  EXPECT_EQ(pkey_set(key, static_cast<unsigned>(bits)), 0);
  return bits;
}

OtherUser::OtherUser() {
  errno = 0;
  key_ = pkey_alloc(0, 0);
  const int error = errno;
  pages_ = static_cast<char*>(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  EXPECT_NE(pages_, MAP_FAILED);
  for (size_t i = 0; i < kBytes; ++i) pages_[i] = ByteAt(i);
  if (HasKeys()) {
    EXPECT_GT(key_, 0);
    EXPECT_EQ(pkey_mprotect(pages_, kBytes, PROT_READ | PROT_WRITE, key_), 0);
  } else {
    EXPECT_EQ(key_, -1);
    // Linux says EINVAL the first time that a process asks, then ENOSPC.
    EXPECT_TRUE(error == ENOSPC || error == EINVAL) << error;
  }
}

OtherUser::~OtherUser() {
  EXPECT_EQ(munmap(pages_, kBytes), 0);
  EXPECT_EQ(key_ > 0 ? pkey_free(key_) : 0, 0);
}

void OtherUser::ExpectPages() const {
  const int bits = Bits(key_);
  SetBits(key_, 0);
  size_t wrong = 0;
  for (size_t i = 0; i < kBytes; ++i) wrong += pages_[i] != ByteAt(i);
  EXPECT_EQ(wrong, 0u);
  for (size_t page = 0; page < kPages; ++page) {
    const int key = FindMapping(pages_ + page * kPageBytes).key;
    if (key_ > 0) {
      EXPECT_EQ(key, key_) << "page " << page;
    } else {
      EXPECT_LE(key, 0) << "page " << page;
    }
  }
  SetBits(key_, bits);
}

}  // namespace bulkhead_test
