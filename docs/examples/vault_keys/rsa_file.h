// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DOCS_EXAMPLES_VAULT_KEYS_RSA_FILE_H_
#define DOCS_EXAMPLES_VAULT_KEYS_RSA_FILE_H_

#include <string>

namespace bulkhead::vault_keys {

// For tests: writes a fresh RSA-2048 key to `path` as PEM, from a child
// process, so that OpenSSL is as unused in this one as before. Returns false on
// failure.
bool WriteRsaFile(const std::string& path);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_RSA_FILE_H_
