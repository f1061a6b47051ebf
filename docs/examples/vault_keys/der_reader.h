// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// As much of DER as it takes to find where the private numbers of an RSA key
// begin.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_DER_READER_H_
#define DOCS_EXAMPLES_VAULT_KEYS_DER_READER_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead::vault_keys {

// Returns the offset of the private exponent's INTEGER in a PKCS#8
// PrivateKeyInfo or an RSAPrivateKey, or 0 when `der` is neither.
size_t FindPrivateExponent(const uint8_t* der, size_t size);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_DER_READER_H_
