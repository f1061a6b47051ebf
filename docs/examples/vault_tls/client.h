// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests: a TLS client that trusts one certificate.

#ifndef DOCS_EXAMPLES_VAULT_TLS_CLIENT_H_
#define DOCS_EXAMPLES_VAULT_TLS_CLIENT_H_

#include <cstdint>
#include <string>

namespace bulkhead::vault_tls {

struct Answer {
  std::string error;      // empty when all went well
  std::string version;    // "TLSv1.2", "TLSv1.3"
  std::string signature;  // how the server signed, "RSA" or "RSA-PSS"
  bool resumed = false;
  std::string body;
};

// Connects to the port of this machine by that version of TLS alone
// (TLS1_2_VERSION, ...), verifies the server's chain up to the certificate and
// its name, localhost, and asks for "/".
Answer Fetch(uint16_t port, int version, const std::string& certificate_file);

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_CLIENT_H_
