// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/attack.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "docs/examples/vault_keys/key_store.h"
#include "docs/examples/vault_keys/pem_lines.h"
#include "docs/examples/vault_keys/verifier.h"

namespace bulkhead::vault_keys {
namespace {

// A BIGNUM and a Montgomery context hold each factor while the key is in use.
constexpr size_t kLiveCopiesOfEachFactor = 2;

// What is signed, and the signature.
struct Signed {
  std::string message;
  uint8_t signature[kMostSignatureBytes] = {};
  size_t size = sizeof(signature);
};

bool WriteFile(const std::string& path, const void* bytes, size_t size) {
  FILE* const file = fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  const bool written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && written;
}

bool WriteOutput(const std::string& directory, const Verifier& verifier,
                 const Signed& text) {
  return verifier.WritePem((directory + "/public.pem").c_str()) &&
         WriteFile(directory + "/message.txt", text.message.data(),
                   text.message.size()) &&
         WriteFile(directory + "/signature.bin", text.signature, text.size);
}

std::string MessageOfProcess() {
  return "Signed by process " + std::to_string(getpid()) +
         " with a key that nothing else in it can read.\n";
}

std::string FailureOf(const ScanResult& scan, const char* name) {
  if (scan.failed_step == nullptr) return "";
  std::string text = std::string(name) + " failed at " + scan.failed_step;
  if (scan.error != 0) text += std::string(": ") + strerror(scan.error);
  return text;
}

}  // namespace

size_t AttackResult::Copies() const {
  return std::max({loaded.findings.Copies(), in_use.findings.Copies(),
                   freed.findings.Copies()});
}

bool AttackResult::OverreadLeaked() const {
  return std::any_of(overreads.begin(), overreads.end(),
                     [](const OverreadResult& overread) {
                       return overread.findings.Copies() > 0;
                     });
}

std::string AttackResult::Invalid() const {
  for (const std::string& failure :
       {FailureOf(loaded, "the scan of the loaded key"),
        FailureOf(in_use, "the scan of the key in use"),
        FailureOf(freed, "the scan after the key was freed"),
        FailureOf(control, "the control scan")}) {
    if (!failure.empty()) return failure;
  }
  if (control.findings.limbs_of_smaller < kLiveCopiesOfEachFactor ||
      control.findings.limbs_of_larger < kLiveCopiesOfEachFactor) {
    return "the control scan did not find the live copies of both factors, so "
           "that finding none proves nothing";
  }
  for (const OverreadResult& overread : overreads) {
    if (!overread.ran) return "an over-read's child failed";
  }
  return "";
}

bool RunAttacks(const std::string& key_file,
                const std::string& output_directory, AttackResult* result,
                std::string* error) {
  static Scanner scanner;
  OverreadBuffers buffers;
  if (!key_store::Open(LibraryContext::kOwn, error)) return false;

  bool memory = buffers.Allocate("before load");
  PublicKeyDer public_der;
  SignerStatus status = key_store::Load(key_file, &public_der);
  if (status != SignerStatus::kOk) {
    *error = key_file + ": " + TextOf(status);
    return false;
  }
  Verifier verifier;
  PublicKey public_key;
  PemLines lines;
  if (!verifier.Read(public_der) || !verifier.GetNumbers(&public_key)) {
    *error = key_file + ": its public exponent must have at most 64 bits";
    return false;
  }
  const char* const no_lines = FingerprintInChild(key_file.c_str(), &lines);
  if (no_lines != nullptr) {
    *error = key_file + ": " + no_lines;
    return false;
  }
  scanner.SetKey(public_key, lines);
  result->loaded = scanner.Scan();
  memory = memory && buffers.Allocate("between load and sign");

  Signed text;
  text.message = MessageOfProcess();
  const auto* const message =
      reinterpret_cast<const uint8_t*>(text.message.data());
  status =
      key_store::Sign(message, text.message.size(), text.signature, &text.size);
  if (status != SignerStatus::kOk) {
    *error = std::string("signing: ") + TextOf(status);
    return false;
  }
  memory = memory && buffers.Allocate("after sign");
  result->signature_good =
      verifier.Verify(message, text.message.size(), text.signature, text.size);

  result->in_use = scanner.Scan();
  buffers.Attack(&scanner, &result->overreads);
  result->control = key_store::ScanInside(&scanner);
  const uintptr_t factor = result->control.findings.first_limbs;
  if (factor != 0) {
    result->pointer =
        FollowPointer(factor, public_key.modulus_bytes / 2, &scanner);
  }

  status = key_store::Free();
  memory = memory && buffers.Allocate("after free");
  buffers.Attack(&scanner, &result->overreads);
  result->freed = scanner.Scan();
  if (status == SignerStatus::kOk) status = key_store::Close();
  if (status != SignerStatus::kOk) {
    *error = std::string("freeing the key: ") + TextOf(status);
    return false;
  }
  if (!memory) {
    *error = "out of memory";
    return false;
  }
  if (!output_directory.empty() &&
      !WriteOutput(output_directory, verifier, text)) {
    *error = output_directory + ": cannot write the signature there";
    return false;
  }
  return true;
}

}  // namespace bulkhead::vault_keys
