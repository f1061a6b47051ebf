// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/naive.h"

#include "docs/examples/vault_keys/key_store.h"
#include "docs/examples/vault_keys/verifier.h"

namespace bulkhead::vault_keys {

bool UseNaively(const std::string& key_file, std::string* error) {
  if (!key_store::Open(LibraryContext::kShared, error)) return false;
  PublicKeyDer public_key;
  SignerStatus status = key_store::Load(key_file, &public_key);
  const uint8_t message[] = {'n', 'a', 'i', 'v', 'e'};
  uint8_t signature[kMostSignatureBytes];
  size_t size = sizeof(signature);
  if (status == SignerStatus::kOk) {
    status = key_store::Sign(message, sizeof(message), signature, &size);
  }
  if (status != SignerStatus::kOk) {
    *error = key_file + ": " + TextOf(status);
    return false;
  }
  Verifier verifier;
  const bool valid = verifier.Read(public_key) &&
                     verifier.Verify(message, sizeof(message), signature, size);
  if (!valid) *error = "the signature is wrong";
  return valid;
}

}  // namespace bulkhead::vault_keys
