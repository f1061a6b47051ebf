// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Keys as OpenSSL handles them: the public numbers to read and to export, and
// nothing else.

#include <openssl/bn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "docs/examples/vault_tls/key.h"

namespace bulkhead::vault_tls {
namespace {

// Both numbers in the order of bytes that OSSL_PARAM has here.
struct Numbers {
  explicit Numbers(const vault_keys::PublicKey& key)
      : modulus_bytes(key.modulus_bytes), exponent(key.exponent) {
    std::reverse_copy(key.modulus, key.modulus + modulus_bytes, modulus);
  }

  OSSL_PARAM Modulus() {
    return OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus,
                                   modulus_bytes);
  }
  OSSL_PARAM Exponent() {
    return OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &exponent);
  }

  size_t modulus_bytes;
  unsigned char modulus[vault_keys::kMostModulusBytes];
  uint64_t exponent;
};

// Takes over the key that the decoder passed.
void* Load(const void* reference, size_t size) {
  if (size != sizeof(Key*)) return nullptr;
  auto* const place = static_cast<Key**>(const_cast<void*>(reference));
  Key* const key = *place;
  *place = nullptr;
  return key;
}

void Free(void* data) {
  auto* const key = static_cast<Key*>(data);
  if (key == nullptr) return;
  FreeKey(key->slot);
  delete key;
}

int Has(const void* data, int) { return data != nullptr; }

bool SetInt(OSSL_PARAM params[], const char* name, int value) {
  OSSL_PARAM* const param = OSSL_PARAM_locate(params, name);
  return param == nullptr || OSSL_PARAM_set_int(param, value) == 1;
}

bool SetNumber(OSSL_PARAM params[], const OSSL_PARAM& source) {
  OSSL_PARAM* const param = OSSL_PARAM_locate(params, source.key);
  if (param == nullptr) return true;
  BIGNUM* number = nullptr;
  const bool set = OSSL_PARAM_get_BN(&source, &number) == 1 &&
                   OSSL_PARAM_set_BN(param, number) == 1;
  BN_free(number);
  return set;
}

int GetParams(void* data, OSSL_PARAM params[]) {
  const Key& key = *static_cast<Key*>(data);
  const int bytes = static_cast<int>(key.numbers.modulus_bytes);
  Numbers numbers(key.numbers);
  OSSL_PARAM* const digest =
      OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST);
  return SetInt(params, OSSL_PKEY_PARAM_BITS, bytes * 8) &&
         SetInt(params, OSSL_PKEY_PARAM_SECURITY_BITS,
                BN_security_bits(bytes * 8, -1)) &&
         SetInt(params, OSSL_PKEY_PARAM_MAX_SIZE, bytes) &&
         SetNumber(params, numbers.Modulus()) &&
         SetNumber(params, numbers.Exponent()) &&
         (digest == nullptr ||
          OSSL_PARAM_set_utf8_string(digest, "SHA256") == 1);
}

const OSSL_PARAM* GettableParams(void*) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0),
      OSSL_PARAM_END};
  return params;
}

// Another provider may have the public half, to compare with a certificate's.
// Where the private one is asked for too there is no export: OpenSSL then comes
// back here to sign.
int Export(void* data, int selection, OSSL_CALLBACK* callback, void* argument) {
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return 0;
  Numbers numbers(static_cast<Key*>(data)->numbers);
  const OSSL_PARAM params[] = {numbers.Modulus(), numbers.Exponent(),
                               OSSL_PARAM_construct_end()};
  return callback(params, argument);
}

const OSSL_PARAM* ExportTypes(int selection) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0), OSSL_PARAM_END};
  return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? nullptr : params;
}

}  // namespace

const OSSL_DISPATCH kKeyManagement[] = {
    {OSSL_FUNC_KEYMGMT_LOAD, reinterpret_cast<void (*)()>(Load)},
    {OSSL_FUNC_KEYMGMT_FREE, reinterpret_cast<void (*)()>(Free)},
    {OSSL_FUNC_KEYMGMT_HAS, reinterpret_cast<void (*)()>(Has)},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, reinterpret_cast<void (*)()>(GetParams)},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,
     reinterpret_cast<void (*)()>(GettableParams)},
    {OSSL_FUNC_KEYMGMT_EXPORT, reinterpret_cast<void (*)()>(Export)},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, reinterpret_cast<void (*)()>(ExportTypes)},
    {0, nullptr}};

}  // namespace bulkhead::vault_tls
