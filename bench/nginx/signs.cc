// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// signs FILE TIMES: signs that often with the private key of a PEM file, as TLS
// 1.3 does with an RSA key.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

namespace {

// What is signed is 64 spaces, a text of 33 bytes with its NUL, and a hash.
constexpr size_t kMessageBytes = 64 + 34 + 32;

bool Sign(EVP_PKEY* key) {
  static const unsigned char message[kMessageBytes] = {};
  unsigned char signature[1024];
  size_t size = sizeof(signature);
  EVP_PKEY_CTX* padding = nullptr;
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool done =
      context != nullptr &&
      EVP_DigestSignInit_ex(context, &padding, "SHA256", nullptr, nullptr, key,
                            nullptr) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1 &&
      EVP_DigestSign(context, signature, &size, message, sizeof(message)) == 1;
  EVP_MD_CTX_free(context);
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fputs("usage: signs FILE TIMES\n", stderr);
    return 2;
  }
  FILE* const file = fopen(argv[1], "re");
  EVP_PKEY* const key =
      file == nullptr ? nullptr
                      : PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
  if (file != nullptr) fclose(file);
  if (key == nullptr) {
    fprintf(stderr, "signs: there is no private key in %s\n", argv[1]);
    return 1;
  }
  bool done = true;
  for (long left = atol(argv[2]); done && left > 0; --left) done = Sign(key);
  EVP_PKEY_free(key);
  if (!done) fputs("signs: OpenSSL does not sign\n", stderr);
  return done ? 0 : 1;
}
