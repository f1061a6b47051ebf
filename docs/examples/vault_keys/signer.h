// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// What an application does with a private key: loads it from a PEM file, signs,
// and lets go of it. Plain OpenSSL 3, the same code with a vault and without.

#ifndef DOCS_EXAMPLES_VAULT_KEYS_SIGNER_H_
#define DOCS_EXAMPLES_VAULT_KEYS_SIGNER_H_

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>

#include "docs/examples/vault_keys/public_key.h"

namespace bulkhead::vault_keys {

enum class SignerStatus : int32_t {
  kOk,
  kNoFile,
  kNoKey,
  kEncrypted,
  kNotRsa,
  kWrongSize,
  kMorePrimes,
  kNotLoaded,
  kRefused,
  kLibrary,
};

// Says what the status means and what to do. Lives for ever.
const char* TextOf(SignerStatus status);

// Whose OSSL_LIB_CTX a Signer works in.
enum class LibraryContext : int32_t {
  kOwn,     // one that the Signer makes and frees
  kShared,  // the process's default one
};

// How a message is signed.
enum class Digest : int32_t { kSha224, kSha256, kSha384, kSha512 };
enum class Padding : int32_t {
  kPkcs1,
  kPss,  // with a salt as long as the digest, as TLS has it
};
struct Scheme {
  Digest digest = Digest::kSha256;
  Padding padding = Padding::kPkcs1;
};

// OpenSSL's name of the digest. Lives for ever; nullptr for no value of Digest.
const char* NameOf(Digest digest);

// Thread safety: one thread at a time. Every function leaves OpenSSL's error
// queue empty: its entries are allocated where they arise, which is no place
// for others to free them from.
class Signer {
 public:
  explicit Signer(LibraryContext context);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  // Replaces the key, if any, by that of the file, and writes its public half.
  SignerStatus Load(const char* path, PublicKeyDer* public_key);
  SignerStatus LoadFrom(BIO* pem, PublicKeyDer* public_key);

  // *size is the capacity of `signature` before, and the signature's size
  // after.
  SignerStatus Sign(const uint8_t* message, size_t message_size,
                    uint8_t* signature, size_t* size, Scheme scheme = Scheme());

  void Free();

  // Frees what this Signer's own OSSL_LIB_CTX keeps for the calling thread.
  // REQUIRES: LibraryContext::kOwn.
  void LeaveContext();

  // Frees what OpenSSL keeps for the calling thread.
  static void EndThread();

 private:
  SignerStatus Check() const;

  OSSL_LIB_CTX* context_ = nullptr;
  EVP_PKEY* key_ = nullptr;
};

// Has OpenSSL allocate, here, what it otherwise allocates at the first use of
// each thing and then keeps for the whole process: method stores, name maps,
// error strings, locks, this thread's error and random state. A throw-away key
// is made, written as PEM, loaded, used to sign and verify, and freed.
// Returns false when OpenSSL fails at any of it.
bool WarmUp();

}  // namespace bulkhead::vault_keys

#endif  // DOCS_EXAMPLES_VAULT_KEYS_SIGNER_H_
