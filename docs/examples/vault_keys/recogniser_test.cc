// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/recogniser.h"

#include <string.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "docs/examples/vault_keys/masked_key.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

constexpr size_t kPage = Recogniser::kMostBytesAtOnce;
constexpr uintptr_t kBase = 0x7f0000000000;

std::string PemLine(char first) {
  std::string line;
  for (size_t i = 0; i < kPemLineChars; ++i) {
    line.push_back(static_cast<char>('A' + (i * 7 + i / 5) % 26));
  }
  line[0] = first;
  return line;
}

class RecogniserTest : public testing::Test {
 protected:
  RecogniserTest()
      : key_(2048),
        recogniser_(std::make_unique<Recogniser>()),
        memory_(4 * kPage) {
    lines_.count = 2;
    lines_.lines[0] = FingerprintOf(PemLine('x').c_str());
    lines_.lines[1] = FingerprintOf(PemLine('y').c_str());
    recogniser_->SetKey(key_.public_key(), lines_);
    // What surrounds a copy is random too.
    uint64_t state = 88172645463325252;
    for (uint8_t& byte : memory_) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<uint8_t>(state >> 32);
    }
  }

  void Put(size_t offset, const void* bytes, size_t size) {
    memcpy(memory_.data() + offset, bytes, size);
  }

  // Reads all of the memory in pieces of this size.
  const Findings& Read(size_t piece = kPage) {
    recogniser_->Restart();
    for (size_t i = 0; i < memory_.size(); i += piece) {
      recogniser_->Read(memory_.data() + i, std::min(piece, memory_.size() - i),
                        kBase + i);
    }
    return recogniser_->findings();
  }

  // The modulus and what follows it in the DER of a key.
  std::vector<uint8_t> Der(const std::vector<uint8_t>& rest) const {
    const PublicKey& key = key_.public_key();
    std::vector<uint8_t> der(key.modulus, key.modulus + key.modulus_bytes);
    der.insert(der.end(), rest.begin(), rest.end());
    return der;
  }

  MaskedKey key_;
  PemLines lines_;
  std::unique_ptr<Recogniser> recogniser_;
  std::vector<uint8_t> memory_;
};

TEST_F(RecogniserTest, FindsNothingInRandomBytes) {
  EXPECT_EQ(Read().Copies(), 0u);
}

TEST_F(RecogniserTest, FindsFactorsAtAnyOffset) {
  for (size_t offset : {size_t{0}, size_t{3}, size_t{64}, kPage - 1, kPage - 64,
                        kPage - 127, 3 * kPage + 3968}) {
    uint8_t* const place = memory_.data() + offset;
    const std::vector<uint8_t> before(place, place + key_.factor_bytes());
    key_.PlantSmaller(place, ByteOrder::kLittleEndian);
    EXPECT_EQ(Read().limbs_of_smaller, 1u) << offset;
    EXPECT_EQ(Read().Copies(), 1u) << offset;
    EXPECT_EQ(Read().first_limbs, kBase + offset);
    key_.PlantLarger(place, ByteOrder::kBigEndian);
    EXPECT_EQ(Read().bytes_of_larger, 1u) << offset;
    EXPECT_EQ(Read().Copies(), 1u) << offset;
    EXPECT_EQ(Read().first_limbs, 0u);
    std::copy(before.begin(), before.end(), place);
  }
}

TEST_F(RecogniserTest, FindsFactorsWhateverThePieces) {
  key_.PlantSmaller(memory_.data() + 1000, ByteOrder::kBigEndian);
  key_.PlantLarger(memory_.data() + 5001, ByteOrder::kLittleEndian);
  for (size_t piece : {size_t{1}, size_t{17}, size_t{128}, size_t{1000}}) {
    EXPECT_EQ(Read(piece).Copies(), 2u) << piece;
  }
}

TEST_F(RecogniserTest, FindsFactorsThatTouchZeroPages) {
  memset(memory_.data(), 0, memory_.size());
  key_.PlantSmaller(memory_.data() + 2 * kPage - 128, ByteOrder::kBigEndian);
  key_.PlantLarger(memory_.data() + kPage, ByteOrder::kLittleEndian);
  EXPECT_EQ(Read().Copies(), 2u);
}

TEST_F(RecogniserTest, DoesNotJoinWhatABreakSeparates) {
  key_.PlantSmaller(memory_.data() + kPage - 60, ByteOrder::kLittleEndian);
  recogniser_->Restart();
  recogniser_->Read(memory_.data(), kPage, kBase);
  recogniser_->Break();
  recogniser_->Read(memory_.data() + kPage, kPage, kBase + 2 * kPage);
  EXPECT_EQ(recogniser_->findings().Copies(), 0u);
}

TEST_F(RecogniserTest, FindsTheDerOfAPrivateKey) {
  const auto der =
      Der({0x02, 0x03, 0x01, 0x00, 0x01, 0x02, 0x82, 0x01, 0x01, 0x00, 0x9b});
  Put(kPage - 100, der.data(), der.size());
  EXPECT_EQ(Read().der, 1u);
  EXPECT_EQ(Read().Copies(), 1u);
}

TEST_F(RecogniserTest, FindsTheDerOfAPrivateKeyWithAShortExponent) {
  const auto der =
      Der({0x02, 0x03, 0x01, 0x00, 0x01, 0x02, 0x81, 0xff, 0x6b, 0x11});
  Put(kPage - 100, der.data(), der.size());
  EXPECT_EQ(Read().der, 1u);
}

TEST_F(RecogniserTest, DoesNotTakeAPublicKeyForAPrivateOne) {
  const auto der = Der({0x02, 0x03, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00});
  Put(500, der.data(), der.size());
  const auto short_integer =
      Der({0x02, 0x03, 0x01, 0x00, 0x01, 0x02, 0x81, 0x90, 0x00});
  Put(2000, short_integer.data(), short_integer.size());
  EXPECT_EQ(Read().Copies(), 0u);
}

TEST_F(RecogniserTest, FindsPemLinesAnywhereInBase64) {
  const std::string text =
      PemLine('a') + "\n" + PemLine('x') + "\n" + PemLine('y') + "\n";
  Put(kPage - 80, text.data(), text.size());
  EXPECT_EQ(Read().pem_lines, 2u);
  const std::string joined = "AAAA" + PemLine('x') + "BBBB";
  Put(3 * kPage, joined.data(), joined.size());
  EXPECT_EQ(Read().pem_lines, 3u);
}

TEST_F(RecogniserTest, KeepsNoByteAfterWipe) {
  key_.PlantSmaller(memory_.data(), ByteOrder::kLittleEndian);
  EXPECT_EQ(Read().Copies(), 1u);
  const void* const self = recogniser_.get();
  const size_t part = 64;
  EXPECT_NE(memmem(self, sizeof(Recogniser),
                   memory_.data() + memory_.size() - part, part),
            nullptr);
  recogniser_->Wipe();
  for (size_t i = 0; i + part <= memory_.size(); i += part) {
    EXPECT_EQ(memmem(self, sizeof(Recogniser), memory_.data() + i, part),
              nullptr);
  }
}

}  // namespace
}  // namespace bulkhead::vault_keys
