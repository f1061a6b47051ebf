// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/sys/memory.h"

#include <cstdint>

// Otherwise gcc makes of these loops calls of the functions that they are;
// clang does not because of -fno-builtin.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

namespace {

using Byte = unsigned char;

// A word anywhere, of any type.
struct __attribute__((packed, may_alias)) Word {
  uint64_t value;
};

// From here on a string instruction is faster than a loop.
constexpr size_t kLong = 128;

void CopyUp(Byte* target, const Byte* source, size_t bytes) {
  if (bytes >= kLong) {
    __asm__ volatile("rep movsb"
                     : "+D"(target), "+S"(source), "+c"(bytes)
                     :
                     : "memory");
    return;
  }
  for (; bytes >= sizeof(Word); bytes -= sizeof(Word)) {
    *reinterpret_cast<Word*>(target) = *reinterpret_cast<const Word*>(source);
    target += sizeof(Word);
    source += sizeof(Word);
  }
  for (; bytes != 0; --bytes) *target++ = *source++;
}

void CopyDown(Byte* target, const Byte* source, size_t bytes) {
  for (; bytes >= sizeof(Word); bytes -= sizeof(Word)) {
    const Word word =
        *reinterpret_cast<const Word*>(source + bytes - sizeof(Word));
    *reinterpret_cast<Word*>(target + bytes - sizeof(Word)) = word;
  }
  for (; bytes != 0; --bytes) target[bytes - 1] = source[bytes - 1];
}

}  // namespace

extern "C" {

void* bulkhead_memcpy(void* target, const void* source, size_t bytes) {
  CopyUp(static_cast<Byte*>(target), static_cast<const Byte*>(source), bytes);
  return target;
}

void* bulkhead_memmove(void* target, const void* source, size_t bytes) {
  auto* to = static_cast<Byte*>(target);
  const auto* from = static_cast<const Byte*>(source);
  if (reinterpret_cast<uintptr_t>(to) - reinterpret_cast<uintptr_t>(from) <
      bytes) {
    CopyDown(to, from, bytes);
  } else {
    CopyUp(to, from, bytes);
  }
  return target;
}

void* bulkhead_memset(void* target, int value, size_t bytes) {
  auto* at = static_cast<Byte*>(target);
  const Byte byte = static_cast<Byte>(value);
  if (bytes >= kLong) {
    __asm__ volatile("rep stosb"
                     : "+D"(at), "+c"(bytes)
                     : "a"(byte)
                     : "memory");
    return target;
  }
  const Word word = {byte * 0x0101010101010101u};
  for (; bytes >= sizeof(Word); bytes -= sizeof(Word)) {
    *reinterpret_cast<Word*>(at) = word;
    at += sizeof(Word);
  }
  for (; bytes != 0; --bytes) *at++ = byte;
  return target;
}

int bulkhead_memcmp(const void* a, const void* b, size_t bytes) {
  const auto* left = static_cast<const Byte*>(a);
  const auto* right = static_cast<const Byte*>(b);
  for (; bytes != 0; --bytes, ++left, ++right) {
    if (*left != *right) return *left - *right;
  }
  return 0;
}

void* bulkhead_memchr(const void* memory, int value, size_t bytes) {
  const auto* at = static_cast<const Byte*>(memory);
  for (; bytes != 0; --bytes, ++at) {
    if (*at == static_cast<Byte>(value)) return const_cast<Byte*>(at);
  }
  return nullptr;
}

size_t bulkhead_strlen(const char* text) {
  const char* end = text;
  while (*end != '\0') ++end;
  return static_cast<size_t>(end - text);
}

int bulkhead_strcmp(const char* a, const char* b) {
  return bulkhead_strncmp(a, b, SIZE_MAX);
}

int bulkhead_strncmp(const char* a, const char* b, size_t bytes) {
  for (; bytes != 0; --bytes, ++a, ++b) {
    if (*a != *b) return static_cast<Byte>(*a) - static_cast<Byte>(*b);
    if (*a == '\0') return 0;
  }
  return 0;
}

char* bulkhead_strchr(const char* text, int character) {
  for (;; ++text) {
    if (*text == static_cast<char>(character)) return const_cast<char*>(text);
    if (*text == '\0') return nullptr;
  }
}

char* bulkhead_strncpy(char* target, const char* source, size_t bytes) {
  size_t i = 0;
  for (; i < bytes && source[i] != '\0'; ++i) target[i] = source[i];
  for (; i < bytes; ++i) target[i] = '\0';
  return target;
}

}  // extern "C"
