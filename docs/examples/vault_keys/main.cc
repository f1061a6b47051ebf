// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Puts an RSA key to use, attacks it from within the same process, and prints
// what the attacker got.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "docs/examples/vault_keys/allocator.h"
#include "docs/examples/vault_keys/attack.h"
#include "docs/examples/vault_keys/key_store.h"
#include "docs/examples/vault_keys/naive.h"
#include "docs/examples/vault_keys/signer.h"

namespace bulkhead::vault_keys {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

constexpr char kUsage[] =
    "usage: vault_keys --key=FILE [--out=DIRECTORY] [--naive]\n"
    "\n"
    "Loads an RSA private key, signs with it, frees it, and attacks it in the\n"
    "same process along the way. The last line says what the attacker got.\n"
    "\n"
    "  --key=FILE       a PEM file, not encrypted, of 2048 to 4096 bits\n"
    "  --out=DIRECTORY  write public.pem, message.txt and signature.bin there\n"
    "  --naive          no attack: use OpenSSL as a port would that does not\n"
    "                   warm it up outside of the vault\n"
    "\n"
    "exit status: 0 it was measured, 1 it failed, 2 wrong use or a bad key\n";

struct Arguments {
  std::string key;
  std::string out;
  bool naive = false;
  bool help = false;
};

bool TakeValue(const char* argument, const char* option, std::string* value) {
  const size_t size = strlen(option);
  if (strncmp(argument, option, size) != 0) return false;
  *value = argument + size;
  return true;
}

bool Parse(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    if (TakeValue(argv[i], "--key=", &arguments->key) ||
        TakeValue(argv[i], "--out=", &arguments->out)) {
      continue;
    }
    if (strcmp(argv[i], "--naive") == 0) {
      arguments->naive = true;
    } else if (strcmp(argv[i], "--help") == 0) {
      arguments->help = true;
    } else {
      fprintf(stderr, "vault_keys: unknown argument %s; see --help\n", argv[i]);
      return false;
    }
  }
  if (arguments->key.empty() && !arguments->help) {
    fprintf(stderr, "vault_keys: --key=FILE is needed; see --help\n");
    return false;
  }
  return true;
}

void PrintScan(const char* name, const ScanResult& scan) {
  const Findings& found = scan.findings;
  printf(
      "%s: copies=%zu limbs=%zu bytes=%zu der=%zu pem_lines=%zu "
      "pages_read=%zu pages_refused=%zu pages_absent=%zu own_pages=%zu "
      "mappings=%zu empty_mib=%zu\n",
      name, found.Copies(), found.Limbs(), found.Bytes(), found.der,
      found.pem_lines, scan.pages_read, scan.pages_refused, scan.pages_absent,
      scan.own_pages, scan.mappings, scan.empty_bytes >> 20);
}

void PrintOverreads(const std::vector<OverreadResult>& overreads) {
  for (const OverreadResult& overread : overreads) {
    printf("overread: buffer=%zu allocated='%s' bytes_out=%zu copies=%zu\n",
           overread.buffer_bytes, overread.moment.c_str(), overread.bytes_out,
           overread.findings.Copies());
  }
}

void PrintReport(const std::string& report) {
  for (size_t begin = 0; begin < report.size();) {
    const size_t end = std::min(report.find('\n', begin), report.size());
    printf("report: %s\n", report.substr(begin, end - begin).c_str());
    begin = end + 1;
  }
}

void PrintResult(const AttackResult& result) {
  PrintScan("scan loaded", result.loaded);
  PrintScan("scan in-use", result.in_use);
  PrintScan("scan freed", result.freed);
  PrintScan("scan control", result.control);
  PrintOverreads(result.overreads);
  PrintReport(result.pointer.report);
  printf(
      "demo: allocator=%s vault=%s backend=%s copies=%zu overread=%s "
      "pointer=%s signature=%s\n",
      AllocatorOfProcess(), key_store::kHasVault ? "yes" : "no",
      key_store::Backend(), result.Copies(),
      result.OverreadLeaked() ? "leaked" : "contained",
      NameOf(result.pointer.outcome), result.signature_good ? "good" : "bad");
}

int Fail(int status, const std::string& text) {
  fflush(stdout);
  fprintf(stderr, "vault_keys: %s\n", text.c_str());
  return status;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) return kExitUsage;
  if (arguments.help) {
    fputs(kUsage, stdout);
    return 0;
  }
  if (!arguments.out.empty() &&
      access(arguments.out.c_str(), W_OK | X_OK) != 0) {
    return Fail(kExitUsage, arguments.out + ": " + strerror(errno));
  }
  std::string error;
  if (arguments.naive) {
    if (!UseNaively(arguments.key, &error)) return Fail(kExitFailure, error);
    printf("naive: signature=good\n");
    return 0;
  }
  if (!WarmUp()) return Fail(kExitFailure, "OpenSSL does not work here");
  AttackResult result;
  if (!RunAttacks(arguments.key, arguments.out, &result, &error)) {
    return Fail(kExitUsage, error);
  }
  PrintResult(result);
  const std::string invalid = result.Invalid();
  if (!invalid.empty()) return Fail(kExitFailure, invalid);
  if (!result.signature_good) {
    return Fail(kExitFailure, "the signature is wrong");
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead::vault_keys

int main(int argc, char** argv) {
  return bulkhead::vault_keys::Main(argc, argv);
}
