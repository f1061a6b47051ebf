// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/signer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>

#include "docs/examples/vault_keys/verifier.h"

namespace bulkhead::vault_keys {
namespace {

constexpr int kLimbPairBits = 128;

// Declines to give a password, and notes that one was asked for.
int NoPassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

bool WritePublic(EVP_PKEY* key, PublicKeyDer* public_key) {
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  const bool fits =
      size > 0 && static_cast<size_t>(size) <= sizeof(public_key->bytes);
  if (fits) {
    std::copy(der, der + size, public_key->bytes);
    public_key->size = static_cast<size_t>(size);
  }
  OPENSSL_free(der);
  return fits;
}

bool SetPadding(EVP_PKEY_CTX* context, Padding padding) {
  if (padding != Padding::kPss) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

// A fresh key as PEM text in memory, or nullptr.
BIO* ThrowAwayPem() {
  EVP_PKEY* const key = EVP_RSA_gen(kLeastKeyBits);
  BIO* pem = key == nullptr ? nullptr : BIO_new(BIO_s_mem());
  if (pem != nullptr && PEM_write_bio_PrivateKey(pem, key, nullptr, nullptr, 0,
                                                 nullptr, nullptr) != 1) {
    BIO_free(pem);
    pem = nullptr;
  }
  EVP_PKEY_free(key);
  return pem;
}

// Loads, signs and verifies with the key in `pem`, which stays as it is.
bool UseOnce(BIO* pem, LibraryContext context) {
  char* text;
  const long text_bytes = BIO_get_mem_data(pem, &text);
  BIO* const copy = BIO_new_mem_buf(text, static_cast<int>(text_bytes));
  const uint8_t message[] = {'w', 'a', 'r', 'm'};
  uint8_t signature[kMostSignatureBytes];
  size_t size = sizeof(signature);
  PublicKeyDer public_key;
  Signer signer(context);
  const SignerStatus loaded = copy == nullptr
                                  ? SignerStatus::kLibrary
                                  : signer.LoadFrom(copy, &public_key);
  BIO_free(copy);
  if (loaded != SignerStatus::kOk ||
      signer.Sign(message, sizeof(message), signature, &size) !=
          SignerStatus::kOk) {
    return false;
  }
  Verifier verifier;
  return verifier.Read(public_key) &&
         verifier.Verify(message, sizeof(message), signature, size);
}

}  // namespace

const char* TextOf(SignerStatus status) {
  switch (status) {
    case SignerStatus::kOk:
      return "ok";
    case SignerStatus::kNoFile:
      return "the file cannot be opened; name a PEM file with an RSA key";
    case SignerStatus::kNoKey:
      return "the file holds no PEM text of a private key; make one with "
             "'openssl genpkey -algorithm RSA -out key.pem'";
    case SignerStatus::kEncrypted:
      return "the key is encrypted; decrypt it with 'openssl pkey -in key.pem "
             "-out plain.pem'";
    case SignerStatus::kNotRsa:
      return "the key is not an RSA key; make one with 'openssl genpkey "
             "-algorithm RSA -out key.pem'";
    case SignerStatus::kWrongSize:
      return "the key's modulus must have 2048 to 4096 bits, a multiple of 128";
    case SignerStatus::kMorePrimes:
      return "the key has more than two primes; make one with 'openssl genpkey "
             "-algorithm RSA -out key.pem'";
    case SignerStatus::kNotLoaded:
      return "no key is loaded; load one first";
    case SignerStatus::kRefused:
      return "an argument points into the vault; pass memory of the caller's";
    case SignerStatus::kLibrary:
      return "OpenSSL failed, or memory ran out";
  }
  return "an unknown status";
}

const char* NameOf(Digest digest) {
  switch (digest) {
    case Digest::kSha224:
      return "SHA2-224";
    case Digest::kSha256:
      return "SHA2-256";
    case Digest::kSha384:
      return "SHA2-384";
    case Digest::kSha512:
      return "SHA2-512";
  }
  return nullptr;
}

Signer::Signer(LibraryContext context)
    : context_(context == LibraryContext::kOwn ? OSSL_LIB_CTX_new() : nullptr) {
}

Signer::~Signer() {
  Free();
  OSSL_LIB_CTX_free(context_);
}

SignerStatus Signer::Load(const char* path, PublicKeyDer* public_key) {
  BIO* const file = BIO_new_file(path, "r");
  const SignerStatus status =
      file == nullptr ? SignerStatus::kNoFile : LoadFrom(file, public_key);
  BIO_free(file);
  ERR_clear_error();
  return status;
}

SignerStatus Signer::LoadFrom(BIO* pem, PublicKeyDer* public_key) {
  Free();
  bool asked = false;
  key_ = PEM_read_bio_PrivateKey_ex(pem, nullptr, NoPassword, &asked, context_,
                                    nullptr);
  SignerStatus status = SignerStatus::kOk;
  if (key_ == nullptr) {
    status = asked ? SignerStatus::kEncrypted : SignerStatus::kNoKey;
  } else {
    status = Check();
  }
  if (status == SignerStatus::kOk && !WritePublic(key_, public_key)) {
    status = SignerStatus::kLibrary;
  }
  if (status != SignerStatus::kOk) Free();
  ERR_clear_error();
  return status;
}

SignerStatus Signer::Check() const {
  if (EVP_PKEY_is_a(key_, "RSA") != 1) return SignerStatus::kNotRsa;
  const int bits = EVP_PKEY_get_bits(key_);
  if (bits < kLeastKeyBits || bits > kMostKeyBits ||
      bits % kLimbPairBits != 0) {
    return SignerStatus::kWrongSize;
  }
  BIGNUM* third_prime = nullptr;
  const int more =
      EVP_PKEY_get_bn_param(key_, OSSL_PKEY_PARAM_RSA_FACTOR3, &third_prime);
  BN_clear_free(third_prime);
  return more == 1 ? SignerStatus::kMorePrimes : SignerStatus::kOk;
}

SignerStatus Signer::Sign(const uint8_t* message, size_t message_size,
                          uint8_t* signature, size_t* size, Scheme scheme) {
  if (key_ == nullptr) return SignerStatus::kNotLoaded;
  const char* const name = NameOf(scheme.digest);
  if (name == nullptr) return SignerStatus::kRefused;
  EVP_MD_CTX* const digest = EVP_MD_CTX_new();
  EVP_PKEY_CTX* key_context = nullptr;
  const bool done =
      digest != nullptr &&
      EVP_DigestSignInit_ex(digest, &key_context, name, context_, nullptr, key_,
                            nullptr) == 1 &&
      SetPadding(key_context, scheme.padding) &&
      EVP_DigestSign(digest, signature, size, message, message_size) == 1;
  EVP_MD_CTX_free(digest);
  ERR_clear_error();
  return done ? SignerStatus::kOk : SignerStatus::kLibrary;
}

void Signer::Free() {
  EVP_PKEY_free(key_);
  key_ = nullptr;
}

void Signer::LeaveContext() { OPENSSL_thread_stop_ex(context_); }

void Signer::EndThread() { OPENSSL_thread_stop(); }

bool WarmUp() {
  if (OPENSSL_init_crypto(
          OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
              OPENSSL_INIT_ADD_ALL_DIGESTS | OPENSSL_INIT_LOAD_CONFIG,
          nullptr) != 1) {
    return false;
  }
  BIO* const pem = ThrowAwayPem();
  const bool used = pem != nullptr && UseOnce(pem, LibraryContext::kShared) &&
                    UseOnce(pem, LibraryContext::kOwn);
  BIO_free(pem);
  if (!used) return false;
  // A failure allocates too: the first error of this thread.
  Signer signer(LibraryContext::kShared);
  PublicKeyDer unused;
  return signer.Load("", &unused) == SignerStatus::kNoFile;
}

}  // namespace bulkhead::vault_keys
