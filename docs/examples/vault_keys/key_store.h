// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the program keeps its private key. There are two implementations behind
// this header, and a program links one of them:
//   key_store_vault.cc  every call goes through a gate into the vault "keys"
//   key_store_plain.cc  every call is a call
//
// There is one store in a process. Thread safety: one thread at a time. A
// thread that was inside calls EndThread() before it uses OpenSSL outside for
// the first time or ends, and the last thing before the process ends is
// Close(): what OpenSSL keeps for a thread, and frees at its end or the
// process's, outside, else lies in the vault.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_KEY_STORE_H_
#define DOCS_EXAMPLES_VAULT_KEYS_KEY_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "docs/examples/vault_keys/public_key.h"
#include "docs/examples/vault_keys/scan.h"
#include "docs/examples/vault_keys/signer.h"

namespace bulkhead::vault_keys::key_store {

// Whether this implementation has a vault.
extern const bool kHasVault;

// What enforces it: "none", "mprotect" or "pku".
const char* Backend();

// Makes the store, empty. On failure returns false and says why.
// REQUIRES: called once, before everything below.
bool Open(LibraryContext context, std::string* error);

SignerStatus Load(const std::string& path, PublicKeyDer* public_key);
SignerStatus Sign(const uint8_t* message, size_t message_size,
                  uint8_t* signature, size_t* size);

// Frees the key.
SignerStatus Free();

// Frees what OpenSSL keeps for the calling thread.
SignerStatus EndThread();

// Frees the store, and what OpenSSL keeps for the calling thread.
SignerStatus Close();

// Runs the attacker's scan where the keys are: the control that shows what it
// finds when it may. An application has no such entry.
ScanResult ScanInside(Scanner* scanner);

}  // namespace bulkhead::vault_keys::key_store

#endif  // DOCS_EXAMPLES_VAULT_KEYS_KEY_STORE_H_
