// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs the programs and reads what they print.

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "docs/examples/vault_keys/program.h"
#include "docs/examples/vault_keys/rsa_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

struct Command {
  std::string program;
  std::string preload;
};

const std::string kHere = "docs/examples/vault_keys/";

// What Bulkhead has to enforce with on this machine.
std::string BackendHere() {
  const long key = syscall(SYS_pkey_alloc, 0, 0);
  if (key < 0) return "mprotect";
  syscall(SYS_pkey_free, key);
  return "pku";
}

class VaultKeysTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = testing::TempDir() + "/vault_keys_test";
    mkdir(directory_.c_str(), 0700);
    ASSERT_TRUE(WriteRsaFile(KeyFile()));
  }

  static std::string KeyFile() { return directory_ + "/key.pem"; }

  static Command Vault() { return {Runfile(kHere + "vault_keys"), ""}; }
  static Command Plain() { return {Runfile(kHere + "plain_keys"), ""}; }
  static Command PlainOnBulkhead() {
    return {Runfile(kHere + "plain_keys"), Runfile("libbulkhead.so")};
  }

  static ProgramOutcome With(const Command& command, const std::string& key,
                             const std::string& option = "") {
    std::vector<std::string> words = {command.program, "--key=" + key};
    if (!option.empty()) words.push_back(option);
    return RunProgram(words, command.preload);
  }

  // All that each program must show, whatever leaks.
  static void ExpectMeasured(const ProgramOutcome& outcome) {
    EXPECT_TRUE(outcome.ExitedWith(0)) << outcome.output << outcome.errors;
    EXPECT_EQ(outcome.errors, "");
    EXPECT_THAT(outcome.output,
                ContainsRegex("scan control: copies=[0-9]+ limbs=[4-9]"));
  }

  static std::string directory_;
};

std::string VaultKeysTest::directory_;

TEST_F(VaultKeysTest, KeepsTheKeyInTheVault) {
  const ProgramOutcome outcome =
      With(Vault(), KeyFile(), "--out=" + directory_);
  ExpectMeasured(outcome);
  EXPECT_EQ(outcome.LastLine(),
            "demo: allocator=bulkhead vault=yes backend=" + BackendHere() +
                " copies=0 overread=contained pointer=stopped signature=good")
      << outcome.output;
  EXPECT_THAT(outcome.output,
              ContainsRegex("scan in-use: .* pages_refused=[1-9]"));
  EXPECT_THAT(outcome.output, HasSubstr("report: SUMMARY: Bulkhead: "
                                        "compartment-read of 'keys' in "));
  const ProgramOutcome openssl =
      RunProgram({"/usr/bin/openssl", "dgst", "-sha256", "-verify",
                  directory_ + "/public.pem", "-signature",
                  directory_ + "/signature.bin", directory_ + "/message.txt"});
  EXPECT_EQ(openssl.output, "Verified OK\n") << openssl.errors;
}

TEST_F(VaultKeysTest, LeaksWithoutAVaultOnGlibc) {
  const ProgramOutcome outcome = With(Plain(), KeyFile());
  ExpectMeasured(outcome);
  EXPECT_THAT(outcome.LastLine(),
              ContainsRegex("^demo: allocator=glibc vault=no backend=none "
                            "copies=[1-9][0-9]* overread=[a-z]+ "
                            "pointer=leaked signature=good$"));
}

TEST_F(VaultKeysTest, LeaksWithoutAVaultOnBulkhead) {
  const ProgramOutcome outcome = With(PlainOnBulkhead(), KeyFile());
  ExpectMeasured(outcome);
  EXPECT_THAT(outcome.LastLine(),
              ContainsRegex("^demo: allocator=bulkhead vault=no backend=none "
                            "copies=[1-9][0-9]* overread=[a-z]+ "
                            "pointer=leaked signature=good$"));
}

TEST_F(VaultKeysTest, ReportsANaivePort) {
  const ProgramOutcome outcome = With(Vault(), KeyFile(), "--naive");
  EXPECT_TRUE(outcome.DiedOf(SIGABRT)) << outcome.errors;
  EXPECT_EQ(outcome.output, "");
  EXPECT_THAT(outcome.errors,
              ContainsRegex("==[0-9]+==ERROR: Bulkhead: compartment-read on "
                            "address 0x[0-9a-f]+\n"));
  EXPECT_THAT(outcome.errors,
              HasSubstr("  address belongs to: compartment 'keys'"));
  EXPECT_THAT(outcome.errors, HasSubstr("  current domain: root\n"));
  EXPECT_THAT(outcome.errors, HasSubstr("libcrypto.so.3"));
  EXPECT_THAT(outcome.errors,
              HasSubstr("SUMMARY: Bulkhead: compartment-read of 'keys' in "));
}

TEST_F(VaultKeysTest, HasNothingAgainstANaivePortWithoutAVault) {
  for (const Command& command : {Plain(), PlainOnBulkhead()}) {
    const ProgramOutcome outcome = With(command, KeyFile(), "--naive");
    EXPECT_TRUE(outcome.ExitedWith(0)) << outcome.errors;
    EXPECT_EQ(outcome.output, "naive: signature=good\n");
  }
}

TEST_F(VaultKeysTest, SaysWhatIsWrongWithItsArguments) {
  for (const Command& command : {Vault(), Plain()}) {
    const ProgramOutcome none = RunProgram({command.program});
    EXPECT_TRUE(none.ExitedWith(2));
    EXPECT_EQ(none.errors, "vault_keys: --key=FILE is needed; see --help\n");
    const ProgramOutcome unknown = RunProgram({command.program, "--kye=x"});
    EXPECT_TRUE(unknown.ExitedWith(2));
    EXPECT_EQ(unknown.errors,
              "vault_keys: unknown argument --kye=x; see --help\n");
  }
}

TEST_F(VaultKeysTest, SaysWhatIsWrongWithItsFiles) {
  const ProgramOutcome missing = With(Vault(), "/nonexistent");
  EXPECT_TRUE(missing.ExitedWith(2));
  EXPECT_EQ(missing.errors,
            "vault_keys: /nonexistent: the file cannot be opened; name a PEM "
            "file with an RSA key\n");
  const ProgramOutcome unwritable =
      With(Plain(), KeyFile(), "--out=/nonexistent");
  EXPECT_TRUE(unwritable.ExitedWith(2));
  EXPECT_EQ(unwritable.errors,
            "vault_keys: /nonexistent: No such file or directory\n");
}

}  // namespace
}  // namespace bulkhead::vault_keys
