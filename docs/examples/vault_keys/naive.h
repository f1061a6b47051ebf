// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// How not to do it: what a first port of an application to a vault does.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_NAIVE_H_
#define DOCS_EXAMPLES_VAULT_KEYS_NAIVE_H_

#include <string>

namespace bulkhead::vault_keys {

// Loads and signs in the store before OpenSSL was ever used outside of it, in
// the process's default library context, and verifies outside. What OpenSSL
// keeps for the whole process now lies in the vault, if there is one, so that
// the first use outside is stopped with a report. Returns true when nothing
// stopped it and the signature was valid.
bool UseNaively(const std::string& key_file, std::string* error);

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_NAIVE_H_
