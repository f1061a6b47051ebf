// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// For tests: reads all memory of another process in search of a private key, as
// root can by /proc/PID/mem, which minds neither page protection nor keys. What
// is found is told apart by whether the process's own code could have read it
// where it stands.

#ifndef DOCS_EXAMPLES_VAULT_TLS_PROCESS_SCAN_H_
#define DOCS_EXAMPLES_VAULT_TLS_PROCESS_SCAN_H_

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "docs/examples/vault_keys/pem_lines.h"
#include "docs/examples/vault_keys/public_key.h"
#include "docs/examples/vault_keys/recogniser.h"

namespace bulkhead::vault_tls {

struct ProcessScan {
  // In pages that the process's first thread may read, by their protection and
  // by its PKRU. A page counts as open where either cannot be told.
  vault_keys::Findings open;
  size_t open_pages = 0;
  // In all other pages.
  vault_keys::Findings closed;
  size_t closed_pages = 0;

  // Empty, or why the scan is not complete.
  std::string error;
};

// REQUIRES: the process waits, and has one thread; the caller may trace it.
ProcessScan ScanProcess(pid_t process, const vault_keys::PublicKey& key,
                        const vault_keys::PemLines& lines);

}  // namespace bulkhead::vault_tls

#endif  // DOCS_EXAMPLES_VAULT_TLS_PROCESS_SCAN_H_
