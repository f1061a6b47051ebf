// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The public side, in OpenSSL's default context and outside of any vault.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_VERIFIER_H_
#define DOCS_EXAMPLES_VAULT_KEYS_VERIFIER_H_

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/public_key.h"

namespace bulkhead::vault_keys {

// Every function returns false when OpenSSL refuses. Thread safety: one thread
// at a time.
class Verifier {
 public:
  Verifier() = default;
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  bool Read(const PublicKeyDer& der);

  // The numbers of the key that was read; false also for a public exponent of
  // more than 64 bits.
  bool GetNumbers(PublicKey* key) const;

  bool WritePem(const char* path) const;

  // True only for a valid signature: RSA (PKCS #1 v1.5) with SHA-256.
  bool Verify(const uint8_t* message, size_t message_size,
              const uint8_t* signature, size_t signature_size) const;

 private:
  EVP_PKEY* key_ = nullptr;
};

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_VERIFIER_H_
