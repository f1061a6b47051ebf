// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Reads the PEM file that names a key file, in two steps as OpenSSL has them:
// from PEM to DER, and from DER to a key. The body is a UTF8String, the path of
// a PEM file with the key itself, which code in the vault opens.

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/proverr.h>

#include <cstring>
#include <memory>
#include <string>

#include "docs/examples/vault_keys/verifier.h"
#include "docs/examples/vault_tls/key.h"

namespace bulkhead::vault_tls {
namespace {

constexpr size_t kMostFileBytes = 16 * 1024;

int Fail(int reason, const std::string& what) {
  ERR_raise_data(ERR_LIB_PROV, reason, "%s", what.c_str());
  return 0;
}

std::string ReadAll(const ProviderContext& context, OSSL_CORE_BIO* in) {
  std::string text(kMostFileBytes, '\0');
  size_t size = 0;
  size_t got = 0;
  while (size < text.size() &&
         context.read(in, &text[size], text.size() - size, &got) == 1) {
    size += got;
  }
  text.resize(size);
  return text;
}

// The path that the DER text of a string spells; empty where it is none.
std::string PathIn(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  ASN1_UTF8STRING* const text =
      d2i_ASN1_UTF8STRING(nullptr, &bytes, static_cast<long>(der.size()));
  std::string path;
  if (text != nullptr) {
    path.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<size_t>(ASN1_STRING_length(text)));
  }
  ASN1_UTF8STRING_free(text);
  return path;
}

bool ReadNumbers(const vault_keys::PublicKeyDer& der,
                 vault_keys::PublicKey* numbers) {
  vault_keys::Verifier verifier;
  return verifier.Read(der) && verifier.GetNumbers(numbers);
}

// Hands the key to OpenSSL, which calls the key management's Load().
int Pass(std::unique_ptr<Key> key, OSSL_CALLBACK* data_callback,
         void* data_argument) {
  int type = OSSL_OBJECT_PKEY;
  char name[] = "RSA";
  Key* reference = key.release();
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference,
                                        sizeof(reference)),
      OSSL_PARAM_construct_end()};
  const int passed = data_callback(params, data_argument);
  // Whoever took it has set the pointer to null.
  if (reference != nullptr) {
    FreeKey(reference->slot);
    delete reference;
  }
  return passed;
}

void* NewContext(void* provider) { return provider; }
void FreeContext(void*) {}

int PassDer(unsigned char* der, long size, OSSL_CALLBACK* data_callback,
            void* data_argument) {
  int type = OSSL_OBJECT_PKEY;
  char name[] = "RSA";
  std::string structure = kStructure;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE,
                                       structure.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der,
                                        static_cast<size_t>(size)),
      OSSL_PARAM_construct_end()};
  return data_callback(params, data_argument);
}

// Both decoders return 1 where the input is another decoder's.

int DecodePem(void* provider, OSSL_CORE_BIO* in, int,
              OSSL_CALLBACK* data_callback, void* data_argument,
              OSSL_PASSPHRASE_CALLBACK*, void*) {
  const std::string text =
      ReadAll(*static_cast<ProviderContext*>(provider), in);
  BIO* const bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  int done = 1;
  if (bio != nullptr && PEM_read_bio(bio, &label, &header, &der, &size) == 1 &&
      strcmp(label, kPemLabel) == 0) {
    done = PassDer(der, size, data_callback, data_argument);
  }
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_free(der);
  BIO_free(bio);
  return done;
}

int DecodeDer(void* provider, OSSL_CORE_BIO* in, int,
              OSSL_CALLBACK* data_callback, void* data_argument,
              OSSL_PASSPHRASE_CALLBACK*, void*) {
  const std::string path =
      PathIn(ReadAll(*static_cast<ProviderContext*>(provider), in));
  if (path.empty()) return 1;
  std::string error;
  if (!OpenVault(&error)) return Fail(PROV_R_NOT_SUPPORTED, error);
  auto key = std::make_unique<Key>();
  vault_keys::PublicKeyDer public_key;
  const vault_keys::SignerStatus status =
      LoadKey(path, &key->slot, &public_key);
  if (status != vault_keys::SignerStatus::kOk) {
    return Fail(PROV_R_INVALID_KEY, path + ": " + vault_keys::TextOf(status));
  }
  if (!ReadNumbers(public_key, &key->numbers)) {
    FreeKey(key->slot);
    return Fail(PROV_R_INVALID_KEY, path + ": no public numbers");
  }
  return Pass(std::move(key), data_callback, data_argument);
}

}  // namespace

const OSSL_DISPATCH kPemDecoder[] = {
    {OSSL_FUNC_DECODER_NEWCTX, reinterpret_cast<void (*)()>(NewContext)},
    {OSSL_FUNC_DECODER_FREECTX, reinterpret_cast<void (*)()>(FreeContext)},
    {OSSL_FUNC_DECODER_DECODE, reinterpret_cast<void (*)()>(DecodePem)},
    {0, nullptr}};

const OSSL_DISPATCH kDerDecoder[] = {
    {OSSL_FUNC_DECODER_NEWCTX, reinterpret_cast<void (*)()>(NewContext)},
    {OSSL_FUNC_DECODER_FREECTX, reinterpret_cast<void (*)()>(FreeContext)},
    {OSSL_FUNC_DECODER_DECODE, reinterpret_cast<void (*)()>(DecodeDer)},
    {0, nullptr}};

}  // namespace bulkhead::vault_tls
