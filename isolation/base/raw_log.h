// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Text to file descriptors from beneath malloc: no allocation, no libc, no
// locks. Signal-safe throughout.

#ifndef BULKHEAD_ISOLATION_BASE_RAW_LOG_H_
#define BULKHEAD_ISOLATION_BASE_RAW_LOG_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// Collects one message in a fixed buffer and writes it with one system call, so
// that messages of several threads do not mix. Text past the buffer is cut.
class RawLine {
 public:
  RawLine() = default;
  RawLine(const RawLine&) = delete;
  RawLine& operator=(const RawLine&) = delete;

  RawLine& Text(const char* text);
  // At most `limit` bytes of a text that need not be terminated.
  RawLine& Text(const char* text, size_t limit);
  RawLine& Decimal(int64_t value);
  RawLine& Hex(uint64_t value);

  void WriteTo(int descriptor) const;

  const char* text() const { return buffer_; }
  size_t size() const { return size_; }

 private:
  char buffer_[1024] = {};
  size_t size_ = 0;
};

// Writes "==PID==ERROR: Bulkhead: MESSAGE" to stderr and aborts the process.
[[noreturn]] void Die(const char* message);

// As above, with the two numbers that were expected and found.
[[noreturn]] void DieExpected(const char* message, uint64_t expected,
                              uint64_t found);

}  // namespace bulkhead

// Dies unless the condition holds. Always on: Bulkhead never goes on in a state
// that it does not know.
#define BULKHEAD_CHECK(condition, message)              \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? void(0)                                        \
       : ::bulkhead::Die(message))

#endif  // BULKHEAD_ISOLATION_BASE_RAW_LOG_H_
