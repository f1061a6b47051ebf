// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/pem_lines.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

enum class Form { kPkcs8, kTraditional, kEncrypted };

std::string MakePem(Form form) {
  static EVP_PKEY* const key = EVP_RSA_gen(2048);
  BIO* const bio = BIO_new(BIO_s_mem());
  const unsigned char password[] = {'p'};
  switch (form) {
    case Form::kPkcs8:
      PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
      break;
    case Form::kTraditional:
      PEM_write_bio_PrivateKey_traditional(bio, key, nullptr, nullptr, 0,
                                           nullptr, nullptr);
      break;
    case Form::kEncrypted:
      PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), password,
                               sizeof(password), nullptr, nullptr);
      break;
  }
  char* data;
  const long size = BIO_get_mem_data(bio, &data);
  const std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

// The lines of a PEM text, without BEGIN and END.
std::vector<std::string> Body(const std::string& pem) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < pem.size();) {
    const size_t end = pem.find('\n', begin);
    lines.push_back(pem.substr(begin, end - begin));
    begin = end + 1;
  }
  return {lines.begin() + 1, lines.end() - 1};
}

bool Has(const PemLines& lines, const std::string& line) {
  return Contains(lines, line.c_str());
}

// The modulus ends in line 6, counted from 0, of PKCS#8 and in line 5 of the
// older form; what begins there is private.
void ExpectPrivateLines(Form form, size_t first_private) {
  const std::string pem = MakePem(form);
  PemLines lines;
  ASSERT_EQ(FingerprintPrivateLines(pem.data(), pem.size(), &lines), nullptr);
  const std::vector<std::string> body = Body(pem);
  size_t full_private_lines = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i].size() < kPemLineChars) continue;
    EXPECT_EQ(Has(lines, body[i]), i >= first_private) << i;
    if (i >= first_private) ++full_private_lines;
  }
  EXPECT_EQ(lines.count, full_private_lines);
  EXPECT_GE(lines.count, 18u);
}

TEST(PemLinesTest, TakesThePrivateLinesOfPkcs8) {
  ExpectPrivateLines(Form::kPkcs8, 6);
}

TEST(PemLinesTest, TakesThePrivateLinesOfTheOlderForm) {
  ExpectPrivateLines(Form::kTraditional, 5);
}

TEST(PemLinesTest, ReadsLinesThatEndInCarriageReturns) {
  std::string pem = MakePem(Form::kPkcs8);
  PemLines expected;
  ASSERT_EQ(FingerprintPrivateLines(pem.data(), pem.size(), &expected),
            nullptr);
  for (size_t i = 0; (i = pem.find('\n', i)) != std::string::npos; i += 2) {
    pem.insert(i, "\r");
  }
  PemLines lines;
  EXPECT_EQ(FingerprintPrivateLines(pem.data(), pem.size(), &lines), nullptr);
  EXPECT_EQ(lines.count, expected.count);
}

TEST(PemLinesTest, SaysWhatIsWrong) {
  PemLines lines;
  const std::string encrypted = MakePem(Form::kEncrypted);
  EXPECT_STREQ(
      FingerprintPrivateLines(encrypted.data(), encrypted.size(), &lines),
      "no PEM text of an unencrypted private key");
  const std::string garbage =
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  EXPECT_STREQ(FingerprintPrivateLines(garbage.data(), garbage.size(), &lines),
               "no RSA private key in the PEM text");
  EXPECT_STREQ(FingerprintPrivateLines("", 0, &lines),
               "no PEM text of an unencrypted private key");
  EXPECT_STREQ(FingerprintInChild("/nonexistent", &lines),
               "No such file or directory");
}

TEST(PemLinesTest, ComputesTheSameInAChild) {
  const std::string pem = MakePem(Form::kPkcs8);
  const std::string path = testing::TempDir() + "/pem_lines_test.pem";
  FILE* const file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs(pem.c_str(), file);
  fclose(file);
  PemLines expected;
  ASSERT_EQ(FingerprintPrivateLines(pem.data(), pem.size(), &expected),
            nullptr);
  PemLines lines;
  ASSERT_EQ(FingerprintInChild(path.c_str(), &lines), nullptr);
  ASSERT_EQ(lines.count, expected.count);
  for (size_t i = 0; i < lines.count; ++i) {
    EXPECT_EQ(lines.lines[i].first, expected.lines[i].first);
    EXPECT_EQ(lines.lines[i].second, expected.lines[i].second);
  }
}

TEST(PemLinesTest, TellsLinesApart) {
  const std::string line(kPemLineChars, 'A');
  PemLines lines;
  lines.count = 1;
  lines.lines[0] = FingerprintOf(line.c_str());
  EXPECT_TRUE(Has(lines, line));
  for (size_t i = 0; i < kPemLineChars; ++i) {
    std::string other = line;
    other[i] = 'B';
    EXPECT_FALSE(Has(lines, other)) << i;
  }
}

}  // namespace
}  // namespace bulkhead::vault_keys
