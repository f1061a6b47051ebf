// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs Debian's nginx, talks to it, and reads all of its memory.

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "docs/examples/vault_keys/pem_lines.h"
#include "docs/examples/vault_keys/program.h"
#include "docs/examples/vault_keys/verifier.h"
#include "docs/examples/vault_tls/client.h"
#include "docs/examples/vault_tls/process_scan.h"
#include "docs/examples/vault_tls/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_tls {
namespace {

using testing::HasSubstr;
using testing::Not;
using vault_keys::Runfile;
using vault_keys::RunProgram;

const std::string kHere = "docs/examples/vault_tls/";
constexpr char kOpenSsl[] = "/usr/bin/openssl";

// A BIGNUM holds each factor; in a process that has signed, so does a
// Montgomery context.
constexpr size_t kLoadedCopies = 2;
constexpr size_t kUsedCopies = 4;

void Succeed(const std::vector<std::string>& words) {
  const vault_keys::ProgramOutcome outcome = RunProgram(words);
  ASSERT_TRUE(outcome.ExitedWith(0)) << words[1] << outcome.errors;
}

vault_keys::PublicKey NumbersOf(const std::string& certificate_file) {
  BIO* const file = BIO_new_file(certificate_file.c_str(), "r");
  X509* const certificate = PEM_read_bio_X509(file, nullptr, nullptr, nullptr);
  vault_keys::PublicKeyDer der;
  uint8_t* end = der.bytes;
  der.size =
      static_cast<size_t>(i2d_PUBKEY(X509_get0_pubkey(certificate), &end));
  X509_free(certificate);
  BIO_free(file);
  vault_keys::Verifier verifier;
  vault_keys::PublicKey numbers;
  EXPECT_TRUE(verifier.Read(der) && verifier.GetNumbers(&numbers));
  return numbers;
}

class VaultTlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = testing::TempDir() + "/vault_tls_test";
    mkdir(directory_.c_str(), 0700);
    const std::string authority = File("authority.pem");
    const std::string authority_key = File("authority_key.pem");
    Succeed({kOpenSsl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
             "2", "-subj", "/CN=authority", "-keyout", authority_key, "-out",
             authority});
    Succeed(
        {kOpenSsl,   "req",           "-x509",   "-newkey",
         "rsa:2048", "-nodes",        "-days",   "2",
         "-subj",    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-CA",      authority,       "-CAkey",  authority_key,
         "-keyout",  File("key.pem"), "-out",    File("certificate.pem")});
    const vault_keys::ProgramOutcome named =
        RunProgram({Runfile(kHere + "name_key"), File("key.pem")});
    ASSERT_TRUE(named.ExitedWith(0)) << named.errors;
    WriteFile(File("name.pem"), named.output);
    std::string settings = ReadFile(Runfile(kHere + "openssl.cnf"));
    const std::string place = "/usr/local/lib/bulkhead_vault.so";
    settings.replace(settings.find(place), place.size(),
                     Runfile(kHere + "bulkhead_vault.so"));
    WriteFile(File("openssl.cnf"), settings);
    numbers_ = NumbersOf(File("certificate.pem"));
    const char* const error =
        vault_keys::FingerprintInChild(File("key.pem").c_str(), &lines_);
    ASSERT_EQ(error, nullptr) << error;
  }

  static std::string File(const std::string& name) {
    return directory_ + "/" + name;
  }

  static std::map<std::string, std::string> Preloaded() {
    return {{"LD_PRELOAD", Runfile("libbulkhead.so")}};
  }
  static std::map<std::string, std::string> PreloadedWithProvider() {
    std::map<std::string, std::string> environment = Preloaded();
    environment["OPENSSL_CONF"] = File("openssl.cnf");
    return environment;
  }

  static Answer FetchBy(const Server& server, int version) {
    return Fetch(server.port(), version, File("authority.pem"));
  }

  // Has each of the workers serve by both versions of TLS.
  static void ExpectServed(const Server& server,
                           const std::vector<pid_t>& workers) {
    ASSERT_EQ(workers.size(), Server::kWorkers)
        << server.Output() << server.Log();
    for (size_t i = 0; i < workers.size(); ++i) {
      const Stopped other(workers[1 - i]);
      const std::string name = std::to_string(workers[i]);
      const Answer by_2 = FetchBy(server, TLS1_2_VERSION);
      EXPECT_EQ(by_2.error, "") << server.Output() << server.Log();
      EXPECT_EQ(by_2.version, "TLSv1.2");
      EXPECT_FALSE(by_2.resumed);
      EXPECT_EQ(by_2.body, name);
      const Answer by_3 = FetchBy(server, TLS1_3_VERSION);
      EXPECT_EQ(by_3.error, "") << server.Output() << server.Log();
      EXPECT_EQ(by_3.version, "TLSv1.3");
      EXPECT_EQ(by_3.signature, "RSA-PSS");
      EXPECT_FALSE(by_3.resumed);
      EXPECT_EQ(by_3.body, name);
    }
  }

  static ProcessScan Scan(pid_t process) {
    ProcessScan scan = ScanProcess(process, numbers_, lines_);
    EXPECT_EQ(scan.error, "");
    EXPECT_GT(scan.open_pages, 100u);
    return scan;
  }

  // The key is there, and nowhere but where the process cannot read it.
  static void ExpectClosed(pid_t process, size_t copies) {
    const ProcessScan scan = Scan(process);
    EXPECT_EQ(scan.open.Copies(), 0u);
    EXPECT_GE(scan.closed.Limbs(), copies);
  }

  static void ExpectOpen(pid_t process, size_t copies) {
    const ProcessScan scan = Scan(process);
    EXPECT_GE(scan.open.Limbs(), copies);
    EXPECT_EQ(scan.closed.Copies(), 0u);
  }

  static void ExpectGoodEnd(Server* server) {
    EXPECT_EQ(server->Stop(), 0);
    EXPECT_EQ(server->Output(), "");
    EXPECT_THAT(server->Log(), Not(HasSubstr("[alert]")));
  }

  static void MakeServersDirectory() { mkdir(File("server").c_str(), 0700); }

  static std::string directory_;
  static vault_keys::PublicKey numbers_;
  static vault_keys::PemLines lines_;
};

std::string VaultTlsTest::directory_;
vault_keys::PublicKey VaultTlsTest::numbers_;
vault_keys::PemLines VaultTlsTest::lines_;

TEST_F(VaultTlsTest, ServesWithTheKeyInTheVault) {
  MakeServersDirectory();
  Server server(File("server"), File("certificate.pem"), File("name.pem"));
  server.Start(PreloadedWithProvider());
  const std::vector<pid_t> workers = server.AwaitWorkers();
  ExpectServed(server, workers);
  ExpectClosed(server.master(), kLoadedCopies);
  for (pid_t worker : workers) ExpectClosed(worker, kUsedCopies);
  ExpectGoodEnd(&server);
}

// The control: what the scan finds where there is no vault.
TEST_F(VaultTlsTest, LeavesAPlainKeyOpenOnGlibc) {
  MakeServersDirectory();
  Server server(File("server"), File("certificate.pem"), File("key.pem"));
  server.Start({});
  const std::vector<pid_t> workers = server.AwaitWorkers();
  ExpectServed(server, workers);
  ExpectOpen(server.master(), kLoadedCopies);
  for (pid_t worker : workers) ExpectOpen(worker, kUsedCopies);
  ExpectGoodEnd(&server);
}

TEST_F(VaultTlsTest, LeavesAPlainKeyOpenOnBulkhead) {
  MakeServersDirectory();
  Server server(File("server"), File("certificate.pem"), File("key.pem"));
  server.Start(Preloaded());
  const std::vector<pid_t> workers = server.AwaitWorkers();
  ExpectServed(server, workers);
  ExpectOpen(server.master(), kLoadedCopies);
  for (pid_t worker : workers) ExpectOpen(worker, kUsedCopies);
  ExpectGoodEnd(&server);
}

TEST_F(VaultTlsTest, ReadsTheKeyAgainOnReload) {
  MakeServersDirectory();
  Server server(File("server"), File("certificate.pem"), File("name.pem"));
  server.Start(PreloadedWithProvider());
  const std::vector<pid_t> first = server.AwaitWorkers();
  ExpectServed(server, first);
  server.Reload();
  const std::vector<pid_t> second = server.AwaitWorkers(first);
  ExpectServed(server, second);
  ExpectClosed(server.master(), kLoadedCopies);
  for (pid_t worker : second) ExpectClosed(worker, kUsedCopies);
  ExpectGoodEnd(&server);
}

TEST_F(VaultTlsTest, SaysWhyAKeyIsNotThere) {
  MakeServersDirectory();
  WriteFile(File("elsewhere.pem"), "");
  const vault_keys::ProgramOutcome named =
      RunProgram({Runfile(kHere + "name_key"), File("elsewhere.pem")});
  WriteFile(File("elsewhere_name.pem"), named.output);
  Server server(File("server"), File("certificate.pem"),
                File("elsewhere_name.pem"));
  server.Start(PreloadedWithProvider());
  EXPECT_TRUE(server.AwaitWorkers().empty());
  EXPECT_NE(server.Stop(), 0);
  EXPECT_THAT(
      server.Output(),
      HasSubstr("elsewhere.pem: the file holds no PEM text of a private "
                "key"));
}

TEST_F(VaultTlsTest, SaysThatBulkheadIsNotPreloaded) {
  MakeServersDirectory();
  Server server(File("server"), File("certificate.pem"), File("name.pem"));
  server.Start({{"OPENSSL_CONF", File("openssl.cnf")}});
  EXPECT_TRUE(server.AwaitWorkers().empty());
  EXPECT_NE(server.Stop(), 0);
}

// The provider behind another program, with each digest and padding.
TEST_F(VaultTlsTest, SignsForTheOpensslProgram) {
  WriteFile(File("message"), "to be signed");
  Succeed({kOpenSsl, "x509", "-in", File("certificate.pem"), "-noout",
           "-pubkey", "-out", File("public.pem")});
  setenv("OPENSSL_CONF", File("openssl.cnf").c_str(), 1);
  for (const std::string digest :
       {"-sha224", "-sha256", "-sha384", "-sha512"}) {
    for (const std::string padding : {"pkcs1", "pss"}) {
      std::vector<std::string> sign = {kOpenSsl, "dgst", digest, "-sigopt",
                                       "rsa_padding_mode:" + padding};
      std::vector<std::string> verify = sign;
      if (padding == "pss") {
        sign.insert(sign.end(), {"-sigopt", "rsa_pss_saltlen:digest"});
        verify = sign;
      }
      sign.insert(sign.end(), {"-sign", File("name.pem"), "-out",
                               File("signature"), File("message")});
      verify.insert(verify.end(), {"-verify", File("public.pem"), "-signature",
                                   File("signature"), File("message")});
      const vault_keys::ProgramOutcome done =
          RunProgram(sign, Runfile("libbulkhead.so"));
      EXPECT_TRUE(done.ExitedWith(0)) << digest << padding << done.errors;
      EXPECT_EQ(done.errors, "");
      const vault_keys::ProgramOutcome judged =
          RunProgram(verify, Runfile("libbulkhead.so"));
      EXPECT_EQ(judged.output, "Verified OK\n")
          << digest << padding << judged.errors;
    }
  }
  unsetenv("OPENSSL_CONF");
}

}  // namespace
}  // namespace bulkhead::vault_tls
