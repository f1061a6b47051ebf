// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The attacker's scan: reads all memory of its own process in search of a
// private key.
//
// Each page goes through write(2) into a pipe and back: the kernel refuses with
// EFAULT what this thread may not read, by page tables or by protection keys,
// where a load would end the process.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_SCAN_H_
#define DOCS_EXAMPLES_VAULT_KEYS_SCAN_H_

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/memory_map.h"
#include "docs/examples/vault_keys/recogniser.h"

namespace bulkhead::vault_keys {

struct ScanResult {
  Findings findings;
  size_t mappings = 0;
  size_t pages_read = 0;
  size_t pages_refused = 0;
  // Pages that have no memory behind them: nothing is in them.
  size_t pages_absent = 0;
  // Bytes in mappings of which no page exists; not counted in pages.
  size_t empty_bytes = 0;
  size_t own_pages = 0;  // of the scan itself, left out

  // nullptr, or which step failed; `error` is its errno.
  const char* failed_step = nullptr;
  int error = 0;
};

// All that a scan works on lies in the object, which it leaves out, in whole
// pages. Allocates nothing. Thread safety: none; other threads should not map
// or unmap meanwhile. Runs in: any domain, and reads what that domain may.
class alignas(kPageBytes) Scanner {
 public:
  void SetKey(const PublicKey& key, const PemLines& lines);

  ScanResult Scan();

  // Looks through bytes that came out of the process some other way.
  // `address` is where they were.
  Findings Judge(const uint8_t* bytes, size_t size, uintptr_t address);

 private:
  bool ScanMapping(const Mapping& mapping);
  bool ScanPage(uintptr_t page);
  bool Fail(const char* step);

  Recogniser recogniser_;
  MemoryMap map_;
  PagePresence presence_;
  ScanResult result_;
  int pipe_[2] = {-1, -1};
  uint8_t page_[kPageBytes] = {};
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_SCAN_H_
