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

bool WriteFile(const std::string& path, const void* bytes, size_t size) {
  FILE* const file = fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  const bool written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && written;
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

// The life of a key in the open store. Each step returns false when it fails,
// and error() then says why.
class KeyLife {
 public:
  KeyLife(const std::string& key_file, AttackResult* result)
      : key_file_(key_file), result_(result) {}

  bool Load();
  bool Sign();
  void AttackInUse();
  bool FreeAndAttack();
  bool WriteOutput(const std::string& directory) const;

  const std::string& error() const { return error_; }

 private:
  bool Fail(const std::string& subject, const std::string& text) {
    error_ = subject + ": " + text;
    return false;
  }

  bool AllocateBuffers(const char* moment) {
    return buffers_.Allocate(moment) || Fail(moment, "out of memory");
  }

  const uint8_t* message_bytes() const {
    return reinterpret_cast<const uint8_t*>(message_.data());
  }

  // One at a time, and too large for a stack.
  static Scanner scanner_;

  const std::string key_file_;
  AttackResult* const result_;
  std::string error_;
  OverreadBuffers buffers_;
  Verifier verifier_;
  PublicKey public_key_;
  const std::string message_ = MessageOfProcess();
  uint8_t signature_[kMostSignatureBytes] = {};
  size_t signature_size_ = sizeof(signature_);
};

Scanner KeyLife::scanner_;

bool KeyLife::Load() {
  if (!AllocateBuffers("before load")) return false;
  PublicKeyDer public_der;
  const SignerStatus status = key_store::Load(key_file_, &public_der);
  if (status != SignerStatus::kOk) return Fail(key_file_, TextOf(status));
  if (!verifier_.Read(public_der) || !verifier_.GetNumbers(&public_key_)) {
    return Fail(key_file_, "its public exponent must have at most 64 bits");
  }
  PemLines lines;
  const char* const no_lines = FingerprintInChild(key_file_.c_str(), &lines);
  if (no_lines != nullptr) return Fail(key_file_, no_lines);
  scanner_.SetKey(public_key_, lines);
  result_->loaded = scanner_.Scan();
  return true;
}

bool KeyLife::Sign() {
  if (!AllocateBuffers("between load and sign")) return false;
  const SignerStatus status = key_store::Sign(message_bytes(), message_.size(),
                                              signature_, &signature_size_);
  if (status != SignerStatus::kOk) return Fail("signing", TextOf(status));
  result_->signature_good = verifier_.Verify(message_bytes(), message_.size(),
                                             signature_, signature_size_);
  return AllocateBuffers("after sign");
}

void KeyLife::AttackInUse() {
  result_->in_use = scanner_.Scan();
  buffers_.Attack(&scanner_, &result_->overreads);
  result_->control = key_store::ScanInside(&scanner_);
  const uintptr_t factor = result_->control.findings.first_limbs;
  if (factor == 0) return;
  result_->pointer =
      FollowPointer(factor, public_key_.modulus_bytes / 2, &scanner_);
}

bool KeyLife::FreeAndAttack() {
  SignerStatus status = key_store::Free();
  if (status == SignerStatus::kOk) status = key_store::EndThread();
  if (status != SignerStatus::kOk) {
    return Fail("freeing the key", TextOf(status));
  }
  if (!AllocateBuffers("after free")) return false;
  buffers_.Attack(&scanner_, &result_->overreads);
  result_->freed = scanner_.Scan();
  return true;
}

bool KeyLife::WriteOutput(const std::string& directory) const {
  return verifier_.WritePem((directory + "/public.pem").c_str()) &&
         WriteFile(directory + "/message.txt", message_.data(),
                   message_.size()) &&
         WriteFile(directory + "/signature.bin", signature_, signature_size_);
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
  if (!key_store::Open(LibraryContext::kOwn, error)) return false;
  bool done = false;
  {
    KeyLife life(key_file, result);
    done = life.Load() && life.Sign();
    if (done) {
      life.AttackInUse();
      done = life.FreeAndAttack();
    }
    *error = life.error();
    if (done && !output_directory.empty() &&
        !life.WriteOutput(output_directory)) {
      *error = output_directory + ": cannot write the signature there";
      done = false;
    }
  }
  // Whatever happened: OpenSSL's own clean-up at exit runs outside, and must
  // find nothing of the store.
  const SignerStatus closed = key_store::Close();
  if (done && closed != SignerStatus::kOk) {
    *error = std::string("closing the store: ") + TextOf(closed);
    done = false;
  }
  return done;
}

}  // namespace bulkhead::vault_keys
