// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What the provider's three parts share: a key as they hand it to each other,
// and the tables through which OpenSSL calls them.

#ifndef DOCS_EXAMPLES_VAULT_TLS_KEY_H_
#define DOCS_EXAMPLES_VAULT_TLS_KEY_H_

#include <openssl/core.h>

#include "docs/examples/vault_keys/public_key.h"
#include "docs/examples/vault_tls/key_vault.h"

namespace bulkhead::vault_tls {

// The names under which OpenSSL knows RSA.
inline constexpr char kRsaNames[] = "RSA:rsaEncryption:1.2.840.113549.1.1.1";

// The label of the PEM file that names a key file.
inline constexpr char kPemLabel[] = "BULKHEAD VAULT KEY";

// What its body is, as the provider's two decoders call it.
#define VAULT_TLS_STRUCTURE "BulkheadVaultKey"
inline constexpr char kStructure[] = VAULT_TLS_STRUCTURE;

// All that there is of a private key outside the vault.
struct Key {
  KeySlot slot = -1;
  vault_keys::PublicKey numbers;
};

// What OpenSSL gives to the provider as it loads it, and the provider gets back
// with each call.
struct ProviderContext {
  const OSSL_CORE_HANDLE* handle = nullptr;
  // OSSL_FUNC_BIO_READ_EX of the program's libcrypto.
  int (*read)(OSSL_CORE_BIO* bio, void* data, size_t size,
              size_t* got) = nullptr;
};

extern const OSSL_DISPATCH kPemDecoder[];
extern const OSSL_DISPATCH kDerDecoder[];
extern const OSSL_DISPATCH kKeyManagement[];
extern const OSSL_DISPATCH kSignature[];

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_KEY_H_
