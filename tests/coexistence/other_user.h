// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A user of protection keys beside Bulkhead: code of the program's that takes a
// key by libc's functions and tags pages of its own.

#ifndef BULKHEAD_TESTS_COEXISTENCE_OTHER_USER_H_
#define BULKHEAD_TESTS_COEXISTENCE_OTHER_USER_H_

#include <cstddef>

namespace bulkhead_test {

// What Bits() says where the processor has no keys.
inline constexpr int kNoBits = -1;

// The bits with which the kernel closes a key: for keys that a thread does not
// know of, and in each handler.
inline constexpr int kClosed = 1;

// Whether the processor has keys and the kernel uses them.
bool HasKeys();

// The key's bits in this thread: 0 open, +1 no access, +2 no writes. For every
// domain. kNoBits: it is no key.
int Bits(int key);

// Sets them; returns what Bits() must be from then on.
int SetBits(int key, int bits);

class OtherUser {
 public:
  static constexpr size_t kPages = 4;
  static constexpr size_t kPageBytes = 4096;

  // Takes a key, open, and tags pages; both are an expectation of the test's.
  // Without keys it expects to be told so, and key() is -1.
  OtherUser();
  // Gives both back.
  ~OtherUser();
  OtherUser(const OtherUser&) = delete;
  OtherUser& operator=(const OtherUser&) = delete;

  int key() const { return key_; }
  char* pages() const { return pages_; }

  // Expects that the pages carry the key and hold what they held. Opens the key
  // for the look, and restores the bits.
  void ExpectPages() const;

 private:
  int key_;
  char* pages_;
};

}  // namespace bulkhead_test

#endif  // BULKHEAD_TESTS_COEXISTENCE_OTHER_USER_H_
