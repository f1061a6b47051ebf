// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "docs/examples/vault_keys/scan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "docs/examples/vault_keys/masked_key.h"
#include "gtest/gtest.h"

namespace bulkhead::vault_keys {
namespace {

class ScanTest : public testing::Test {
 protected:
  ScanTest() : key_(2048) {
    scanner_.SetKey(key_.public_key(), PemLines());
    pages_ = static_cast<uint8_t*>(mmap(nullptr, kMappedBytes,
                                        PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~ScanTest() override { munmap(pages_, kMappedBytes); }

  void Protect(int protection) {
    ASSERT_EQ(mprotect(pages_, kMappedBytes, protection), 0);
  }

  ScanResult Scan() {
    const ScanResult result = scanner_.Scan();
    EXPECT_EQ(result.failed_step, nullptr)
        << result.failed_step << ": " << strerror(result.error);
    return result;
  }

  static constexpr size_t kMappedBytes = 64 * kPageBytes;
  static Scanner scanner_;
  const MaskedKey key_;
  uint8_t* pages_ = nullptr;
};

Scanner ScanTest::scanner_;

TEST_F(ScanTest, FindsNothingThatIsNotThere) {
  const ScanResult result = Scan();
  EXPECT_EQ(result.findings.Copies(), 0u);
  EXPECT_GT(result.mappings, 10u);
  EXPECT_GT(result.pages_read, 100u);
  EXPECT_GT(result.own_pages, 0u);
  EXPECT_LE(result.own_pages, sizeof(Scanner) / kPageBytes);
}

TEST_F(ScanTest, FindsCopiesOnHeapStackAndInStaticMemory) {
  static uint8_t in_static_memory[128];
  volatile uint8_t on_stack[128];
  uint8_t* const on_heap = static_cast<uint8_t*>(malloc(128));
  key_.PlantSmaller(on_heap, ByteOrder::kLittleEndian);
  key_.PlantLarger(in_static_memory, ByteOrder::kBigEndian);
  key_.PlantLarger(const_cast<uint8_t*>(on_stack), ByteOrder::kLittleEndian);
  const ScanResult result = Scan();
  EXPECT_EQ(result.findings.limbs_of_smaller, 1u);
  EXPECT_EQ(result.findings.limbs_of_larger, 1u);
  EXPECT_EQ(result.findings.bytes_of_larger, 1u);
  EXPECT_EQ(result.findings.Copies(), 3u);
  EXPECT_EQ(result.findings.first_limbs, reinterpret_cast<uintptr_t>(on_heap));
  explicit_bzero(in_static_memory, sizeof(in_static_memory));
  explicit_bzero(on_heap, 128);
  free(on_heap);
  explicit_bzero(const_cast<uint8_t*>(on_stack), sizeof(on_stack));
  EXPECT_EQ(Scan().findings.Copies(), 0u);
}

TEST_F(ScanTest, FindsACopyAcrossPagesAndMappings) {
  key_.PlantSmaller(pages_ + 9 * kPageBytes - 50, ByteOrder::kBigEndian);
  ASSERT_EQ(mprotect(pages_ + 9 * kPageBytes, kPageBytes, PROT_READ), 0);
  EXPECT_EQ(Scan().findings.bytes_of_smaller, 1u);
}

TEST_F(ScanTest, IsRefusedWhatItMayNotRead) {
  key_.PlantSmaller(pages_ + 5 * kPageBytes, ByteOrder::kLittleEndian);
  const ScanResult before = Scan();
  EXPECT_EQ(before.findings.Copies(), 1u);
  Protect(PROT_NONE);
  const ScanResult result = Scan();
  EXPECT_EQ(result.findings.Copies(), 0u);
  EXPECT_EQ(result.pages_refused, before.pages_refused + 1);
  Protect(PROT_READ);
  EXPECT_EQ(Scan().findings.Copies(), 1u);
}

TEST_F(ScanTest, GoesOnAfterAnyNumberOfRefusals) {
  memset(pages_, 1, kMappedBytes);
  const size_t refused_before = Scan().pages_refused;
  uint8_t* const behind =
      static_cast<uint8_t*>(mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  key_.PlantSmaller(behind, ByteOrder::kLittleEndian);
  Protect(PROT_NONE);
  const ScanResult result = Scan();
  EXPECT_EQ(result.pages_refused, refused_before + kMappedBytes / kPageBytes);
  EXPECT_EQ(result.findings.Copies(), 1u);
  munmap(behind, kPageBytes);
}

class HugeMapping {
 public:
  static constexpr size_t kBytes = size_t{1} << 43;

  HugeMapping()
      : bytes_(static_cast<uint8_t*>(
            mmap(nullptr, kBytes, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    EXPECT_NE(bytes_, MAP_FAILED);
  }
  ~HugeMapping() { munmap(bytes_, kBytes); }

  uint8_t* Page(size_t number) const { return bytes_ + number * kPageBytes; }
  void Protect(size_t page, size_t pages, int protection) const {
    EXPECT_EQ(mprotect(Page(page), pages * kPageBytes, protection), 0);
  }

 private:
  uint8_t* const bytes_;
};

TEST_F(ScanTest, PassesOverWhatDoesNotExist) {
  const HugeMapping huge;
  EXPECT_GE(Scan().empty_bytes, HugeMapping::kBytes);
}

TEST_F(ScanTest, TriesEachPageThatExistsInAHugeMapping) {
  const size_t refused_before = Scan().pages_refused;
  const HugeMapping huge;
  constexpr size_t kLast = HugeMapping::kBytes / kPageBytes - 1;
  for (size_t page : {size_t{5}, size_t{7}, size_t{8}, size_t{9000}, kLast}) {
    huge.Protect(page, 1, PROT_READ | PROT_WRITE);
    *huge.Page(page) = 1;
    huge.Protect(page, 1, PROT_NONE);
  }
  // A page that was only read is the zero page, which smaps does not count.
  huge.Protect(6, 1, PROT_READ);
  EXPECT_EQ(*huge.Page(6), 0);
  huge.Protect(6, 1, PROT_NONE);
  const ScanResult result = Scan();
  EXPECT_EQ(result.pages_refused, refused_before + 6);
  // Whether pieces of the mapping stay apart is the kernel's choice.
  EXPECT_GE(result.pages_absent + result.empty_bytes / kPageBytes, kLast - 5);
}

TEST_F(ScanTest, MissesNoCopyBetweenZeroPages) {
  const HugeMapping huge;
  huge.Protect(0, 64, PROT_READ | PROT_WRITE);
  for (size_t page = 0; page < 32; ++page) EXPECT_EQ(*huge.Page(page), 0);
  key_.PlantSmaller(huge.Page(40), ByteOrder::kLittleEndian);
  EXPECT_EQ(Scan().findings.Copies(), 1u);
}

TEST_F(ScanTest, LeavesNothingOfWhatItReadInItself) {
  key_.PlantSmaller(pages_, ByteOrder::kLittleEndian);
  uint8_t wanted[128];
  key_.PlantSmaller(wanted, ByteOrder::kLittleEndian);
  EXPECT_EQ(Scan().findings.Copies(), 2u);
  EXPECT_EQ(memmem(&scanner_, sizeof(scanner_), wanted, 32), nullptr);
  explicit_bzero(wanted, sizeof(wanted));
}

TEST_F(ScanTest, JudgesBytesByTheSameMarks) {
  key_.PlantLarger(pages_ + 77, ByteOrder::kBigEndian);
  EXPECT_EQ(scanner_.Judge(pages_, kMappedBytes, 0).bytes_of_larger, 1u);
  EXPECT_EQ(scanner_.Judge(pages_ + 78, kMappedBytes - 78, 0).Copies(), 0u);
}

}  // namespace
}  // namespace bulkhead::vault_keys
