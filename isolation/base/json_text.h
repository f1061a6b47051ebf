// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// JSON into a buffer of somebody else's. What does not fit is counted and left
// out. No allocation, no libc.

#ifndef BULKHEAD_ISOLATION_BASE_JSON_TEXT_H_
#define BULKHEAD_ISOLATION_BASE_JSON_TEXT_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

class JsonText {
 public:
  JsonText(char* buffer, size_t size) : buffer_(buffer), size_(size) {}
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;

  // Objects and arrays; commas come by themselves.
  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }

  // Before each value in an object. A plain name: it is not escaped.
  void Key(const char* name);

  // Any bytes: what is not UTF-8 becomes U+FFFD, byte for byte.
  void Text(const char* text);
  void Number(uint64_t value);
  void Null();

  // Ends the text with a NUL; one that does not fit becomes empty.
  void Finish();

  // Bytes of the whole text, without a NUL, whether they fitted or not.
  size_t length() const { return length_; }

 private:
  void Put(char c);
  void Put(const char* text);
  void Value();
  void Begin(char bracket);
  void End(char bracket);

  char* buffer_;
  size_t size_;
  size_t length_ = 0;
  bool comma_ = false;  // before the next value or key
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_BASE_JSON_TEXT_H_
