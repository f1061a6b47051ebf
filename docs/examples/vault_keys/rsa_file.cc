// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/rsa_file.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::vault_keys {
namespace {

bool Write(const std::string& path) {
  EVP_PKEY* const key = EVP_RSA_gen(2048);
  FILE* const file = fopen(path.c_str(), "w");
  return key != nullptr && file != nullptr &&
         PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr,
                              nullptr) == 1 &&
         fclose(file) == 0;
}

}  // namespace

bool WriteRsaFile(const std::string& path) {
  const pid_t child = fork();
  if (child == 0) _exit(Write(path) ? 0 : 1);
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace bulkhead::vault_keys
