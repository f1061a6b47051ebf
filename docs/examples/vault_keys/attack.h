// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The life of a key from load to free, and the attacks on it along the way.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_ATTACK_H_
#define DOCS_EXAMPLES_VAULT_KEYS_ATTACK_H_

#include <string>
#include <vector>

#include "docs/examples/vault_keys/overread.h"
#include "docs/examples/vault_keys/pointer.h"
#include "docs/examples/vault_keys/scan.h"

namespace bulkhead::vault_keys {

struct AttackResult {
  // Scans outside: when the key was loaded, when it has signed, and after it
  // was freed.
  ScanResult loaded;
  ScanResult in_use;
  ScanResult freed;
  // The same scan where the keys are, while the key is in use.
  ScanResult control;
  std::vector<OverreadResult> overreads;
  PointerResult pointer;
  bool signature_good = false;

  size_t Copies() const;  // the most that a scan outside found
  bool OverreadLeaked() const;

  // Nothing, or why the result shows nothing: a control found too little, or a
  // step failed.
  std::string Invalid() const;
};

// Runs it all with the RSA key in `key_file`. With `output_directory` not
// empty, writes public.pem, message.txt and signature.bin there. Returns false
// and says why when the key cannot be used or the store fails.
// REQUIRES: WarmUp().
bool RunAttacks(const std::string& key_file,
                const std::string& output_directory, AttackResult* result,
                std::string* error);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_ATTACK_H_
