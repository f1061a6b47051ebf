// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/der_reader.h"

#include <vector>

#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

using Bytes = std::vector<uint8_t>;

// RSAPrivateKey with modulus 35, public exponent 5 and private exponent 5.
const Bytes kTraditional = {0x30, 0x0c, 0x02, 0x01, 0x00, 0x02, 0x01,
                            0x23, 0x02, 0x01, 0x05, 0x02, 0x01, 0x05};
constexpr size_t kExponentInTraditional = 11;

// The same in PrivateKeyInfo, with an algorithm of three bytes.
Bytes Pkcs8() {
  Bytes der = {0x30, 0x19, 0x02, 0x01, 0x00, 0x30, 0x04,
               0x06, 0x02, 0x2a, 0x03, 0x04, 0x0e};
  for (uint8_t byte : kTraditional) der.push_back(byte);
  return der;
}

TEST(DerReaderTest, FindsThePrivateExponent) {
  EXPECT_EQ(FindPrivateExponent(kTraditional.data(), kTraditional.size()),
            kExponentInTraditional);
  const Bytes pkcs8 = Pkcs8();
  EXPECT_EQ(FindPrivateExponent(pkcs8.data(), pkcs8.size()),
            13 + kExponentInTraditional);
}

TEST(DerReaderTest, UnderstandsLongLengths) {
  Bytes der = {0x30, 0x82, 0x01, 0x10, 0x02, 0x01,
               0x00, 0x02, 0x82, 0x01, 0x00};
  der.resize(der.size() + 0x100, 0x77);
  der.insert(der.end(), {0x02, 0x01, 0x05, 0x02, 0x01, 0x05});
  der[3] = static_cast<uint8_t>(der.size() - 4);
  EXPECT_EQ(FindPrivateExponent(der.data(), der.size()), der.size() - 3);
}

TEST(DerReaderTest, RefusesEveryTruncation) {
  const Bytes whole = Pkcs8();
  for (size_t size = 0; size < whole.size(); ++size) {
    const Bytes der(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_EQ(FindPrivateExponent(der.data(), der.size()), 0u) << size;
  }
}

TEST(DerReaderTest, RefusesWrongTagsAndLengths) {
  for (const Bytes& der :
       {Bytes{}, Bytes{0x31, 0x03, 0x02, 0x01, 0x00},
        Bytes{0x30, 0x80, 0x02, 0x01, 0x00},
        Bytes{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01, 0x00},
        Bytes{0x30, 0x83, 0xff, 0xff, 0xff}, Bytes{0x30}}) {
    EXPECT_EQ(FindPrivateExponent(der.data(), der.size()), 0u);
  }
}

}  // namespace
}  // namespace bulkhead::vault_keys
