// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Fingerprints of those lines of a PEM file that spell private numbers, so that
// a scan can look for the text without holding it.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_PEM_LINES_H_
#define DOCS_EXAMPLES_VAULT_KEYS_PEM_LINES_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead::vault_keys {

// RFC 7468: every line but the last has 64 characters.
inline constexpr size_t kPemLineChars = 64;

// Two hashes of the same line: together they name it, and do not tell it.
struct LineFingerprint {
  uint64_t first = 0;
  uint64_t second = 0;
};

struct PemLines {
  static constexpr size_t kMost = 64;  // RSA-4096 has 51

  size_t count = 0;
  LineFingerprint lines[kMost];
};

inline constexpr char kBase64Alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of each character of base64, -1 for every other; '=' is none.
struct Base64Values {
  int8_t value[256];
  constexpr Base64Values() : value() {
    for (int i = 0; i < 256; ++i) value[i] = -1;
    for (int i = 0; i < 64; ++i) {
      value[static_cast<uint8_t>(kBase64Alphabet[i])] = static_cast<int8_t>(i);
    }
  }
};

inline constexpr Base64Values kBase64;

inline bool IsBase64(uint8_t character) {
  return kBase64.value[character] >= 0;
}

// REQUIRES: kPemLineChars characters are readable at `line`.
LineFingerprint FingerprintOf(const char* line);

// Whether the kPemLineChars characters at `line` are one of `lines`.
bool Contains(const PemLines& lines, const char* line);

// Reads the first private key of a PEM text and fingerprints its full lines
// from the private exponent on. PKCS#8 and the older RSA form are understood,
// encrypted ones not. Returns nullptr, or what is wrong with the text.
// It works on copies of the private lines: run it where those do no harm.
const char* FingerprintPrivateLines(const char* pem, size_t size,
                                    PemLines* lines);

// Does so for a file in a child process, so that nothing of the text comes into
// this one. Returns nullptr, or what went wrong.
const char* FingerprintInChild(const char* path, PemLines* lines);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_PEM_LINES_H_
