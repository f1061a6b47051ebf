// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The store without a vault.

#include <memory>

#include "docs/examples/vault_keys/key_store.h"

namespace bulkhead::vault_keys::key_store {
namespace {

std::unique_ptr<Signer> signer;

}  // namespace

const bool kHasVault = false;

const char* Backend() { return "none"; }

bool Open(LibraryContext context, std::string*) {
  signer = std::make_unique<Signer>(context);
  return true;
}

SignerStatus Load(const std::string& path, PublicKeyDer* public_key) {
  return signer->Load(path.c_str(), public_key);
}

SignerStatus Sign(const uint8_t* message, size_t message_size,
                  uint8_t* signature, size_t* size) {
  return signer->Sign(message, message_size, signature, size);
}

SignerStatus Free() {
  signer->Free();
  return SignerStatus::kOk;
}

SignerStatus EndThread() {
  Signer::EndThread();
  return SignerStatus::kOk;
}

SignerStatus Close() {
  signer.reset();
  Signer::EndThread();
  return SignerStatus::kOk;
}

ScanResult ScanInside(Scanner* scanner) { return scanner->Scan(); }

}  // namespace bulkhead::vault_keys::key_store
