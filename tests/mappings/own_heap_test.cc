// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What a vault may do to its own pages: protect and advise what its heap has
// given it, as any program does with its blocks, and nothing that would take
// the vault's protection from them.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cstdint>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/domain/compartment_table.h"
#include "tests/mappings/secret.h"
#include "tests/support/mappings.h"

namespace bulkhead {
namespace {

using bulkhead_test::CountIntact;
using bulkhead_test::FindMapping;
using bulkhead_test::kPage;
using bulkhead_test::kSecret;
using bulkhead_test::MakeSecret;

constexpr size_t kPages = 16;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

BULKHEAD_ENTRY(kMakeSecret, "keeper", MakeSecret<kPages>);
BULKHEAD_ENTRY(kMakeInner, "inner", MakeSecret<kPages>);

BULKHEAD_ENTRY(kCountIntact, "keeper", CountIntact<kPages>);

// Results and errors of calls, as one number: 0 or an errno.
int ErrorOf(intptr_t result) { return result == -1 ? errno : 0; }

int Protect(char* pages, size_t bytes, int protection) {
  return ErrorOf(mprotect(pages, bytes, protection));
}
BULKHEAD_ENTRY(kProtect, "keeper", Protect);
BULKHEAD_ENTRY(kProtectInInner, "inner", Protect);

int Advise(char* pages, size_t bytes, int advice) {
  return ErrorOf(madvise(pages, bytes, advice));
}
BULKHEAD_ENTRY(kAdvise, "keeper", Advise);

int Tag(char* pages, int protection, int key) {
  return ErrorOf(pkey_mprotect(pages, kPage, protection, key));
}
BULKHEAD_ENTRY(kTag, "keeper", Tag);

int Unmap(char* pages) { return ErrorOf(munmap(pages, kPage)); }
BULKHEAD_ENTRY(kUnmap, "keeper", Unmap);

// In one visit: without keys the next one finds everything open.
int WriteProtectAndRead(char* pages) {
  if (mprotect(pages, kPage, PROT_NONE) != 0) return errno;
  if (mprotect(pages, kPage, PROT_READ) != 0) return errno;
  if (pages[0] != kSecret) return -1;
  if (mprotect(pages, kPage, kReadWrite) != 0) return errno;
  pages[0] = kSecret;
  return 0;
}
BULKHEAD_ENTRY(kWriteProtectAndRead, "keeper", WriteProtectAndRead);

char* OwnStack() {
  const char local = 0;
  return reinterpret_cast<char*>(
      RoundDown(reinterpret_cast<uintptr_t>(&local), kPage));
}
BULKHEAD_ENTRY(kOwnStack, "keeper", OwnStack);

uint64_t inner_handle;

int ProtectFromInner(char* pages) {
  const Compartment inner(
      bh_compartment{static_cast<uint32_t>(inner_handle),
                     static_cast<uint32_t>(inner_handle >> 32)});
  return inner.Call(kProtectInInner, pages, kPage, kReadWrite).value();
}
BULKHEAD_ENTRY(kProtectFromInner, "keeper", ProtectFromInner);

class OwnHeapTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("keeper");
    ASSERT_TRUE(made.ok()) << made.status();
    keeper = *made;
    secret = keeper.Call(kMakeSecret).value();
  }
  void TearDown() override { EXPECT_EQ(keeper.Destroy(), absl::OkStatus()); }

  size_t Intact() const { return keeper.Call(kCountIntact, secret).value(); }

  // Whether outside a gate the page is closed as at first.
  void ExpectClosed() const {
    const CompartmentRow& row = bulkhead_compartments[keeper.handle().id];
    const auto mapping = FindMapping(secret);
    if (bh_get_level() == BH_LEVEL_PKU) {
      EXPECT_EQ(mapping.key, Number(row.key));
    } else {
      EXPECT_FALSE(mapping.IsAccessible());
    }
    EXPECT_TRUE(mapping.HasFlag("dd"));
  }

  Compartment keeper{bh_compartment{0, 0}};
  char* secret = nullptr;
};

TEST_F(OwnHeapTest, IsProtectedAndOpenedAgain) {
  EXPECT_EQ(keeper.Call(kWriteProtectAndRead, secret).value(), 0);
  EXPECT_EQ(Intact(), kPages * kPage);
  ExpectClosed();
}

TEST_F(OwnHeapTest, IsDiscarded) {
  for (const int advice : {MADV_DONTNEED, MADV_FREE}) {
    EXPECT_EQ(keeper.Call(kAdvise, secret + kPage, 2 * kPage, advice).value(),
              0);
  }
  EXPECT_LE(Intact(), kPages * kPage);
  EXPECT_EQ(
      keeper.Call(kAdvise, secret + kPage, 2 * kPage, MADV_DONTNEED).value(),
      0);
  EXPECT_EQ(Intact(), (kPages - 2) * kPage);
  ExpectClosed();
}

TEST_F(OwnHeapTest, TakesAdviceThatDoesNoHarm) {
  for (const int advice :
       {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_HUGEPAGE,
        MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_COLD}) {
    const int error =
        keeper.Call(kAdvise, secret, kPages * kPage, advice).value();
    // A kernel without huge pages says that it does not know them.
    const bool is_huge = advice == MADV_HUGEPAGE || advice == MADV_NOHUGEPAGE;
    EXPECT_TRUE(error == 0 || (is_huge && error == EINVAL)) << advice;
  }
  EXPECT_EQ(Intact(), kPages * kPage);
}

// It stays out of core files and is wiped on fork, or not, as it was created.
TEST_F(OwnHeapTest, DoesNotTakeAdviceThatUndoesWhatItWasCreatedWith) {
  for (const int advice :
       {MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK, MADV_MERGEABLE,
        MADV_DONTFORK, MADV_DOFORK, MADV_REMOVE}) {
    EXPECT_EQ(keeper.Call(kAdvise, secret, kPage, advice).value(), EPERM)
        << advice;
  }
  EXPECT_EQ(Intact(), kPages * kPage);
  ExpectClosed();
}

// The kernel gives such pages a key of its own, and key 0 when they are next
// protected.
TEST_F(OwnHeapTest, KeepsItsKeyWhateverItsProtection) {
  EXPECT_EQ(keeper.Call(kProtect, secret, kPage, PROT_EXEC).value(), EPERM);
  EXPECT_EQ(keeper.Call(kTag, secret, PROT_EXEC, -1).value(), EPERM);
  for (const int key : {0, 1, 15}) {
    EXPECT_EQ(keeper.Call(kTag, secret, kReadWrite, key).value(), EPERM) << key;
  }
  const int executable = PROT_READ | PROT_EXEC;
  EXPECT_EQ(keeper.Call(kProtect, secret, kPage, executable).value(), 0);
  EXPECT_EQ(keeper.Call(kProtect, secret, kPage, kReadWrite).value(), 0);
  EXPECT_EQ(Intact(), kPages * kPage);
  ExpectClosed();
}

TEST_F(OwnHeapTest, StaysInItsPlace) {
  EXPECT_EQ(keeper.Call(kUnmap, secret).value(), EPERM);
  EXPECT_EQ(Intact(), kPages * kPage);
}

TEST_F(OwnHeapTest, IsNotTheStackNorTheGuardBelowIt) {
  char* const stack = keeper.Call(kOwnStack).value();
  const CompartmentRow& row = bulkhead_compartments[keeper.handle().id];
  auto* const guard = reinterpret_cast<char*>(row.stack_cages.begin);
  for (char* const page : {stack, guard}) {
    EXPECT_EQ(keeper.Call(kProtect, page, kPage, kReadWrite).value(), EPERM);
    EXPECT_EQ(keeper.Call(kAdvise, page, kPage, MADV_NORMAL).value(), EPERM);
  }
}

// What they would hold when the heap gets them would not be zeros, nor closed.
TEST_F(OwnHeapTest, IsNotWhatItHasNotBeenGivenYet) {
  const HeapRun& run = bulkhead_compartments[keeper.handle().id].runs[0];
  ASSERT_LT(run.committed, run.cages.bytes);
  auto* const next = reinterpret_cast<char*>(run.cages.begin + run.committed);
  EXPECT_EQ(keeper.Call(kProtect, next, kPage, kReadWrite).value(), EPERM);
  EXPECT_EQ(keeper.Call(kProtect, next - kPage, 2 * kPage, kReadWrite).value(),
            EPERM);
}

// A vault has its caller's rights besides its own.
TEST_F(OwnHeapTest, IsTheCallersTooInANestedCall) {
  char* const roots = MakeSecret<kPages>();
  EXPECT_EQ(keeper.Call(kProtect, roots, kPage, kReadWrite).value(), 0);
  EXPECT_EQ(keeper.Call(kAdvise, roots, kPages * kPage, MADV_DONTNEED).value(),
            0);
  EXPECT_EQ(CountIntact<kPages>(roots), 0u);
  free(roots);
  auto inner = Compartment::Create("inner");
  ASSERT_TRUE(inner.ok()) << inner.status();
  inner_handle = inner->handle().id | uint64_t{inner->handle().generation}
                                          << 32;
  EXPECT_EQ(keeper.Call(kProtectFromInner, secret).value(), 0);
  EXPECT_EQ(inner->Call(kProtectInInner, secret, kPage, kReadWrite).value(),
            EPERM);
  EXPECT_EQ(inner->Destroy(), absl::OkStatus());
}

}  // namespace
}  // namespace bulkhead
