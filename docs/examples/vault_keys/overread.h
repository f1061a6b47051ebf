// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The over-read, as Heartbleed's: a reply that trusts a length in the request
// and sends up to 64 KiB of what lies behind the request's buffer.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_OVERREAD_H_
#define DOCS_EXAMPLES_VAULT_KEYS_OVERREAD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "docs/examples/vault_keys/scan.h"

namespace bulkhead::vault_keys {

inline constexpr size_t kOverreadBytes = 64 * 1024;

struct OverreadResult {
  std::string moment;  // when the buffer was allocated
  size_t buffer_bytes = 0;
  bool ran = false;  // false: the attack itself failed; it shows nothing
  size_t bytes_out = 0;
  Findings findings;  // in the bytes that came out
};

// Buffers on the ordinary heap, of several sizes, allocated at moments of the
// key's life.
class OverreadBuffers {
 public:
  OverreadBuffers() = default;
  ~OverreadBuffers();
  OverreadBuffers(const OverreadBuffers&) = delete;
  OverreadBuffers& operator=(const OverreadBuffers&) = delete;

  // Allocates one buffer of each size. Returns false without memory.
  bool Allocate(const std::string& moment);

  // Reads past every buffer that has not been attacked yet, each in a child of
  // its own, and has `scanner` judge what comes out.
  void Attack(Scanner* scanner, std::vector<OverreadResult>* results);

 private:
  struct Buffer {
    std::string moment;
    size_t bytes;
    char* memory;
    bool attacked;
  };

  std::vector<Buffer> buffers_;
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_OVERREAD_H_
