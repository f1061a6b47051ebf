// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// The store in the vault "keys". The entries run inside; the functions of
// key_store.h run outside and go through the gates.

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bulkhead/compartment.h"
#include "docs/examples/vault_keys/key_store.h"

namespace bulkhead::vault_keys::key_store {
namespace {

constexpr size_t kLongestPath = 4096;
constexpr size_t kLongestMessage = 1 << 20;

// The entries find the signer through this page, which is read-only once the
// store is open: could the outside change it, it could have the vault use
// memory of its own choice as the signer.
struct alignas(kPageBytes) Root {
  bh_compartment vault;
  Signer* signer;
};

Root root;

template <typename T>
bool IsOutside(const T* pointer, size_t count = 1) {
  return count <= SIZE_MAX / sizeof(T) &&
         Compartment(root.vault).Outside(pointer, count * sizeof(T));
}

// The entries: each checks every pointer that it was given before it uses it,
// because inside the vault's own memory would be written and read as readily.

Signer* OpenEntry(LibraryContext context) {
  return new (std::nothrow) Signer(context);
}

SignerStatus LoadEntry(const char* path, size_t size, PublicKeyDer* result) {
  if (size > kLongestPath || !IsOutside(path, size) || !IsOutside(result)) {
    return SignerStatus::kRefused;
  }
  const std::string own_path(path, size);
  PublicKeyDer public_key;
  const SignerStatus status = root.signer->Load(own_path.c_str(), &public_key);
  if (status == SignerStatus::kOk) *result = public_key;
  return status;
}

SignerStatus SignEntry(const uint8_t* message, size_t message_size,
                       uint8_t* signature, size_t* size) {
  if (message_size > kLongestMessage || !IsOutside(message, message_size) ||
      !IsOutside(size)) {
    return SignerStatus::kRefused;
  }
  // Read once: the caller may change it at any time.
  const size_t capacity = *static_cast<volatile size_t*>(size);
  if (!IsOutside(signature, capacity)) return SignerStatus::kRefused;
  uint8_t own_signature[kMostSignatureBytes];
  size_t signature_size = sizeof(own_signature);
  const SignerStatus status =
      root.signer->Sign(message, message_size, own_signature, &signature_size);
  if (status != SignerStatus::kOk) return status;
  if (signature_size > capacity) return SignerStatus::kRefused;
  memcpy(signature, own_signature, signature_size);
  *size = signature_size;
  return status;
}

void FreeEntry() { root.signer->Free(); }

void EndThreadEntry() { Signer::EndThread(); }

void CloseEntry() {
  delete root.signer;
  Signer::EndThread();
}

void ScanEntry(Scanner* scanner, ScanResult* result) {
  if (!IsOutside(scanner) || !IsOutside(result)) return;
  *result = scanner->Scan();
}

BULKHEAD_ENTRY(kOpen, "keys", OpenEntry);
BULKHEAD_ENTRY(kLoad, "keys", LoadEntry);
BULKHEAD_ENTRY(kSign, "keys", SignEntry);
BULKHEAD_ENTRY(kFree, "keys", FreeEntry);
BULKHEAD_ENTRY(kEndThread, "keys", EndThreadEntry);
BULKHEAD_ENTRY(kClose, "keys", CloseEntry);
BULKHEAD_ENTRY(kScan, "keys", ScanEntry);

Compartment Vault() { return Compartment(root.vault); }

SignerStatus StatusOf(const absl::StatusOr<SignerStatus>& result) {
  return result.value_or(SignerStatus::kLibrary);
}

SignerStatus StatusOf(const absl::Status& result) {
  return result.ok() ? SignerStatus::kOk : SignerStatus::kLibrary;
}

}  // namespace

const bool kHasVault = true;

const char* Backend() {
  switch (bh_get_level()) {
    case BH_LEVEL_NONE:
      return "none";
    case BH_LEVEL_MPROTECT:
      return "mprotect";
    case BH_LEVEL_PKU:
      return "pku";
  }
  return "unknown";
}

bool Open(LibraryContext context, std::string* error) {
  const absl::StatusOr<Compartment> vault = Compartment::Create("keys");
  if (!vault.ok()) {
    *error = vault.status().ToString();
    return false;
  }
  root.vault = vault->handle();
  const absl::StatusOr<Signer*> signer = vault->Call(kOpen, context);
  if (!signer.ok() || *signer == nullptr) {
    *error =
        signer.ok() ? "no memory in the vault" : signer.status().ToString();
    return false;
  }
  root.signer = *signer;
  if (mprotect(&root, sizeof(root), PROT_READ) != 0) {
    *error = std::string("mprotect: ") + strerror(errno);
    return false;
  }
  return true;
}

SignerStatus Load(const std::string& path, PublicKeyDer* public_key) {
  return StatusOf(Vault().Call(kLoad, path.data(), path.size(), public_key));
}

SignerStatus Sign(const uint8_t* message, size_t message_size,
                  uint8_t* signature, size_t* size) {
  return StatusOf(Vault().Call(kSign, message, message_size, signature, size));
}

SignerStatus Free() { return StatusOf(Vault().Call(kFree)); }

SignerStatus EndThread() { return StatusOf(Vault().Call(kEndThread)); }

SignerStatus Close() {
  const SignerStatus status = StatusOf(Vault().Call(kClose));
  if (status != SignerStatus::kOk) return status;
  return StatusOf(Vault().Destroy());
}

ScanResult ScanInside(Scanner* scanner) {
  ScanResult result;
  const absl::Status status = Vault().Call(kScan, scanner, &result);
  if (!status.ok()) result.failed_step = "calling the gate";
  return result;
}

}  // namespace bulkhead::vault_keys::key_store
