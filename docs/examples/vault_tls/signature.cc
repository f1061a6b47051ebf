// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Signatures: what is to be signed goes into the vault as a whole, and is
// hashed, padded and signed there.

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <cstring>
#include <new>
#include <string>

#include "docs/examples/vault_tls/key.h"

namespace bulkhead::vault_tls {
namespace {

using vault_keys::Digest;
using vault_keys::Padding;

constexpr size_t kLongestMessage = 1 << 20;

// One signature in the making.
struct Operation {
  const Key* key = nullptr;
  vault_keys::Scheme scheme;
  std::string message;
};

bool FindDigest(const char* name, Digest* digest) {
  EVP_MD* const method = EVP_MD_fetch(nullptr, name, nullptr);
  bool found = false;
  for (const Digest each :
       {Digest::kSha224, Digest::kSha256, Digest::kSha384, Digest::kSha512}) {
    if (method == nullptr ||
        EVP_MD_is_a(method, vault_keys::NameOf(each)) != 1) {
      continue;
    }
    *digest = each;
    found = true;
  }
  EVP_MD_free(method);
  return found;
}

void* New(void*, const char*) { return new (std::nothrow) Operation; }
void Free(void* operation) { delete static_cast<Operation*>(operation); }

void* Duplicate(void* operation) {
  return new (std::nothrow) Operation(*static_cast<Operation*>(operation));
}

bool SetPadding(const OSSL_PARAM& param, Padding* padding) {
  int number = 0;
  const char* name = "";
  if (param.data_type == OSSL_PARAM_UTF8_STRING) {
    if (OSSL_PARAM_get_utf8_string_ptr(&param, &name) != 1) return false;
  } else if (OSSL_PARAM_get_int(&param, &number) != 1) {
    return false;
  }
  if (number == RSA_PKCS1_PADDING || strcmp(name, "pkcs1") == 0) {
    *padding = Padding::kPkcs1;
  } else if (number == RSA_PKCS1_PSS_PADDING || strcmp(name, "pss") == 0) {
    *padding = Padding::kPss;
  } else {
    return false;
  }
  return true;
}

// Only a salt as long as the digest is made.
bool IsDigestSalt(const OSSL_PARAM& param) {
  int number = 0;
  const char* name = "";
  if (param.data_type == OSSL_PARAM_UTF8_STRING) {
    return OSSL_PARAM_get_utf8_string_ptr(&param, &name) == 1 &&
           strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
  }
  return OSSL_PARAM_get_int(&param, &number) == 1 &&
         number == RSA_PSS_SALTLEN_DIGEST;
}

// The mask is made with the digest of the message.
bool IsOwnDigest(const OSSL_PARAM& param, Digest own) {
  const char* name = nullptr;
  Digest named;
  return OSSL_PARAM_get_utf8_string_ptr(&param, &name) == 1 &&
         FindDigest(name, &named) && named == own;
}

int SetParams(void* context, const OSSL_PARAM params[]) {
  auto* const operation = static_cast<Operation*>(context);
  for (; params != nullptr && params->key != nullptr; ++params) {
    const bool good =
        strcmp(params->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0
            ? SetPadding(*params, &operation->scheme.padding)
        : strcmp(params->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0
            ? IsDigestSalt(*params)
        : strcmp(params->key, OSSL_SIGNATURE_PARAM_MGF1_DIGEST) == 0 ||
                strcmp(params->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0
            ? IsOwnDigest(*params, operation->scheme.digest)
            : true;
    if (!good) return 0;
  }
  return 1;
}

const OSSL_PARAM* SettableParams(void*, void*) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_END};
  return params;
}

int DigestSignInit(void* context, const char* digest, void* key,
                   const OSSL_PARAM params[]) {
  auto* const operation = static_cast<Operation*>(context);
  *operation = Operation();
  operation->key = static_cast<Key*>(key);
  return operation->key != nullptr &&
         FindDigest(digest == nullptr ? "SHA256" : digest,
                    &operation->scheme.digest) &&
         SetParams(context, params);
}

int Sign(const Operation& operation, const uint8_t* message,
         size_t message_size, unsigned char* signature, size_t* size,
         size_t capacity) {
  if (signature == nullptr) {
    *size = operation.key->numbers.modulus_bytes;
    return 1;
  }
  *size = capacity;
  return SignWithKey(operation.key->slot, operation.scheme, message,
                     message_size, signature,
                     size) == vault_keys::SignerStatus::kOk;
}

int DigestSign(void* context, unsigned char* signature, size_t* size,
               size_t capacity, const unsigned char* message,
               size_t message_size) {
  return Sign(*static_cast<Operation*>(context), message, message_size,
              signature, size, capacity);
}

int Update(void* context, const unsigned char* data, size_t size) {
  std::string& message = static_cast<Operation*>(context)->message;
  if (size > kLongestMessage - message.size()) return 0;
  message.append(reinterpret_cast<const char*>(data), size);
  return 1;
}

int Final(void* context, unsigned char* signature, size_t* size,
          size_t capacity) {
  const Operation& operation = *static_cast<Operation*>(context);
  return Sign(operation,
              reinterpret_cast<const uint8_t*>(operation.message.data()),
              operation.message.size(), signature, size, capacity);
}

}  // namespace

const OSSL_DISPATCH kSignature[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, reinterpret_cast<void (*)()>(New)},
    {OSSL_FUNC_SIGNATURE_FREECTX, reinterpret_cast<void (*)()>(Free)},
    {OSSL_FUNC_SIGNATURE_DUPCTX, reinterpret_cast<void (*)()>(Duplicate)},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS,
     reinterpret_cast<void (*)()>(SetParams)},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
     reinterpret_cast<void (*)()>(SettableParams)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,
     reinterpret_cast<void (*)()>(DigestSignInit)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, reinterpret_cast<void (*)()>(DigestSign)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE,
     reinterpret_cast<void (*)()>(Update)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL,
     reinterpret_cast<void (*)()>(Final)},
    {0, nullptr}};

}  // namespace bulkhead::vault_tls
