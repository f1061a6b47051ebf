// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_tls/key_vault.h"

#include <openssl/err.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/compartment.h"

namespace bulkhead::vault_tls {
namespace {

using vault_keys::LibraryContext;
using vault_keys::PublicKeyDer;
using vault_keys::Scheme;
using vault_keys::Signer;
using vault_keys::SignerStatus;

constexpr size_t kPageBytes = 4096;
constexpr size_t kLongestPath = 4096;
constexpr size_t kLongestMessage = 1 << 20;
constexpr KeySlot kMostKeys = 64;

// Lies in the vault.
struct Keys {
  std::mutex lock;
  std::unique_ptr<Signer> signers[kMostKeys];
};

// The entries find the keys through this page, which is read-only once the
// vault is open: could the outside change it, it could have the vault use
// memory of its own choice as keys.
struct alignas(kPageBytes) Root {
  bh_compartment vault;
  Keys* keys;
};

Root root;

template <typename T>
bool IsOutside(const T* pointer, size_t count = 1) {
  return count <= SIZE_MAX / sizeof(T) &&
         Compartment(root.vault).Outside(pointer, count * sizeof(T));
}

// The entries. Each checks every pointer that it was given before it uses it:
// inside, the vault's own memory would be written and read as readily.

Keys* OpenEntry() { return new (std::nothrow) Keys; }

SignerStatus LoadInto(const std::string& path, KeySlot* slot,
                      PublicKeyDer* public_key) {
  const std::lock_guard<std::mutex> locked(root.keys->lock);
  for (*slot = 0; *slot < kMostKeys; ++*slot) {
    std::unique_ptr<Signer>& place = root.keys->signers[*slot];
    if (place) continue;
    auto signer = std::make_unique<Signer>(LibraryContext::kOwn);
    const SignerStatus status = signer->Load(path.c_str(), public_key);
    if (status == SignerStatus::kOk) place = std::move(signer);
    return status;
  }
  return SignerStatus::kRefused;
}

SignerStatus LoadEntry(const char* path, size_t size, KeySlot* slot,
                       PublicKeyDer* result) {
  if (size > kLongestPath || !IsOutside(path, size) || !IsOutside(slot) ||
      !IsOutside(result)) {
    return SignerStatus::kRefused;
  }
  const std::string own_path(path, size);
  KeySlot own_slot = 0;
  PublicKeyDer public_key;
  const SignerStatus status = LoadInto(own_path, &own_slot, &public_key);
  // Reading a file leaves errors and their texts behind, for this thread.
  Signer::EndThread();
  if (status != SignerStatus::kOk) return status;
  *slot = own_slot;
  *result = public_key;
  return status;
}

SignerStatus SignEntry(KeySlot slot, Scheme scheme, const uint8_t* message,
                       size_t message_size, uint8_t* signature, size_t* size) {
  if (slot < 0 || slot >= kMostKeys || message_size > kLongestMessage ||
      !IsOutside(message, message_size) || !IsOutside(size)) {
    return SignerStatus::kRefused;
  }
  // Read once: the caller may change it at any time.
  const size_t capacity = *static_cast<volatile size_t*>(size);
  if (!IsOutside(signature, capacity)) return SignerStatus::kRefused;
  uint8_t own_signature[vault_keys::kMostSignatureBytes];
  size_t signature_size = sizeof(own_signature);
  {
    const std::lock_guard<std::mutex> locked(root.keys->lock);
    Signer* const signer = root.keys->signers[slot].get();
    if (signer == nullptr) return SignerStatus::kNotLoaded;
    const SignerStatus status = signer->Sign(
        message, message_size, own_signature, &signature_size, scheme);
    // OpenSSL lists what a thread has of each context, and walks the list
    // outside: nothing of the vault's stays in it.
    signer->LeaveContext();
    if (status != SignerStatus::kOk) {
      Signer::EndThread();
      return status;
    }
  }
  if (signature_size > capacity) return SignerStatus::kRefused;
  memcpy(signature, own_signature, signature_size);
  *size = signature_size;
  return SignerStatus::kOk;
}

void FreeEntry(KeySlot slot) {
  if (slot < 0 || slot >= kMostKeys) return;
  const std::lock_guard<std::mutex> locked(root.keys->lock);
  root.keys->signers[slot].reset();
}

BULKHEAD_ENTRY(kOpen, "tls_keys", OpenEntry);
BULKHEAD_ENTRY(kLoad, "tls_keys", LoadEntry);
BULKHEAD_ENTRY(kSign, "tls_keys", SignEntry);
BULKHEAD_ENTRY(kFree, "tls_keys", FreeEntry);

Compartment Vault() { return Compartment(root.vault); }

bool Open(std::string* error) {
  if (!vault_keys::WarmUp()) {
    *error = "OpenSSL's default provider makes no RSA keys; activate it";
    return false;
  }
  Compartment::Options options = {};
  options.wipe = BH_ON;
  options.wipe_on_fork = BH_OFF;  // the server's workers are forked children
  const absl::StatusOr<Compartment> vault =
      Compartment::Create("tls_keys", options);
  if (!vault.ok()) {
    *error = vault.status().ToString();
    return false;
  }
  root.vault = vault->handle();
  const absl::StatusOr<Keys*> keys = vault->Call(kOpen);
  if (!keys.ok() || *keys == nullptr) {
    *error = keys.ok() ? "no memory in the vault" : keys.status().ToString();
    return false;
  }
  root.keys = *keys;
  if (mprotect(&root, sizeof(root), PROT_READ) != 0) {
    *error = std::string("mprotect: ") + strerror(errno);
    return false;
  }
  return true;
}

// What OpenSSL keeps for each thread is allocated at the thread's first use of
// it: outside, by this.
void UseOpenSslOutside() {
  ERR_set_mark();
  ERR_pop_to_mark();
}

}  // namespace

bool OpenVault(std::string* error) {
  static std::mutex lock;
  static bool open = false;
  const std::lock_guard<std::mutex> locked(lock);
  if (!open) open = Open(error);
  return open;
}

SignerStatus LoadKey(const std::string& path, KeySlot* slot,
                     PublicKeyDer* public_key) {
  UseOpenSslOutside();
  return Vault()
      .Call(kLoad, path.data(), path.size(), slot, public_key)
      .value_or(SignerStatus::kLibrary);
}

SignerStatus SignWithKey(KeySlot slot, Scheme scheme, const uint8_t* message,
                         size_t message_size, uint8_t* signature,
                         size_t* size) {
  UseOpenSslOutside();
  return Vault()
      .Call(kSign, slot, scheme, message, message_size, signature, size)
      .value_or(SignerStatus::kLibrary);
}

void FreeKey(KeySlot slot) {
  UseOpenSslOutside();
  // A compartment that cannot be entered has no key to free.
  Vault().Call(kFree, slot).IgnoreError();
}

}  // namespace bulkhead::vault_tls
