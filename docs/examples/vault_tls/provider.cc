// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// An OpenSSL 3 provider that signs with RSA keys in a vault.

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <new>

#include "docs/examples/vault_tls/key.h"

extern "C" __attribute__((visibility("default")))
OSSL_provider_init_fn OSSL_provider_init;

namespace bulkhead::vault_tls {
namespace {

const OSSL_ALGORITHM kDecoders[] = {
    {"DER", "provider=bulkhead_vault,input=pem", kPemDecoder,
     "names an RSA key of the vault"},
    {kRsaNames,
     "provider=bulkhead_vault,input=der,structure=" VAULT_TLS_STRUCTURE,
     kDerDecoder, "an RSA key of the vault, by its name"},
    {}};
const OSSL_ALGORITHM kKeyManagements[] = {
    {kRsaNames, "provider=bulkhead_vault", kKeyManagement,
     "RSA keys in the vault"},
    {}};
const OSSL_ALGORITHM kSignatures[] = {
    {kRsaNames, "provider=bulkhead_vault", kSignature,
     "RSA signatures made in the vault"},
    {}};

const OSSL_ALGORITHM* Query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_DECODER:
      return kDecoders;
    case OSSL_OP_KEYMGMT:
      return kKeyManagements;
    case OSSL_OP_SIGNATURE:
      return kSignatures;
    default:
      return nullptr;
  }
}

void TearDown(void* context) { delete static_cast<ProviderContext*>(context); }

const OSSL_PARAM* GettableParams(void*) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
      OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr), OSSL_PARAM_END};
  return params;
}

int GetParams(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* const name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
  OSSL_PARAM* const status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return (name == nullptr ||
          OSSL_PARAM_set_utf8_ptr(name, "Bulkhead's vault") == 1) &&
         (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1);
}

const OSSL_DISPATCH kProvider[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(Query)},
    {OSSL_FUNC_PROVIDER_TEARDOWN, reinterpret_cast<void (*)()>(TearDown)},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,
     reinterpret_cast<void (*)()>(GettableParams)},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, reinterpret_cast<void (*)()>(GetParams)},
    {0, nullptr}};

}  // namespace
}  // namespace bulkhead::vault_tls

int OSSL_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in,
                       const OSSL_DISPATCH** out, void** context) {
  using bulkhead::vault_tls::kProvider;
  using bulkhead::vault_tls::ProviderContext;
  auto* const own = new (std::nothrow) ProviderContext;
  if (own == nullptr) return 0;
  own->handle = handle;
  for (; in->function_id != 0; ++in) {
    if (in->function_id == OSSL_FUNC_BIO_READ_EX) {
      own->read = OSSL_FUNC_BIO_read_ex(in);
    }
  }
  if (own->read == nullptr) {
    delete own;
    return 0;
  }
  *out = kProvider;
  *context = own;
  return 1;
}
