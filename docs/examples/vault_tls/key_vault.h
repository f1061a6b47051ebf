// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The vault "tls_keys", in which private keys are read, kept and used. These
// functions run outside and go through its gates.
//
// Thread safety: any thread may call any function. A child made by fork() has
// the parent's keys.

#ifndef DOCS_EXAMPLES_VAULT_TLS_KEY_VAULT_H_
#define DOCS_EXAMPLES_VAULT_TLS_KEY_VAULT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "docs/examples/vault_keys/public_key.h"
#include "docs/examples/vault_keys/signer.h"

namespace bulkhead::vault_tls {

// Names a key in the vault. What is no key's is refused.
using KeySlot = int32_t;

// Makes the vault, once in a process; later calls do nothing. On failure
// returns false and says why. OpenSSL is used outside first, so that what it
// allocates for the whole process is not the vault's.
bool OpenVault(std::string* error);

// Reads the private key of a PEM file, inside, and writes its public half.
// REQUIRES: OpenVault().
vault_keys::SignerStatus LoadKey(const std::string& path, KeySlot* slot,
                                 vault_keys::PublicKeyDer* public_key);

// *size is the capacity of `signature` before, and the signature's size after.
vault_keys::SignerStatus SignWithKey(KeySlot slot, vault_keys::Scheme scheme,
                                     const uint8_t* message,
                                     size_t message_size, uint8_t* signature,
                                     size_t* size);

// Lets go of the key.
void FreeKey(KeySlot slot);

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_KEY_VAULT_H_
