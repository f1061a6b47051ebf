// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The program's own calls that change pages, with arguments of an attacker's
// choice: whatever of Bulkhead's they name, they are refused and change
// nothing. The kernel would do each of them, since it ignores keys there.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "isolation/arch/gate.h"
#include "isolation/base/sealed.h"
#include "isolation/domain/compartment_table.h"
#include "isolation/domain/reservation.h"
#include "isolation/thread/thread_record.h"
#include "tests/mappings/secret.h"
#include "tests/support/mappings.h"

namespace bulkhead {
namespace {

using bulkhead_test::CountIntact;
using bulkhead_test::FindMapping;
using bulkhead_test::kPage;
using bulkhead_test::MakeSecret;
using bulkhead_test::Mapping;

constexpr size_t kPages = 4;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

bool HasKeys() { return bh_get_level() == BH_LEVEL_PKU; }

BULKHEAD_ENTRY(kMakeSecret, "victim", MakeSecret<kPages>);
BULKHEAD_ENTRY(kMakeOther, "other", MakeSecret<kPages>);

BULKHEAD_ENTRY(kCountIntact, "victim", CountIntact<kPages>);

char* PageOf(const void* address) {
  return reinterpret_cast<char*>(
      RoundDown(reinterpret_cast<uintptr_t>(address), kPage));
}

char* OwnStack() {
  const char local = 0;
  return PageOf(&local);
}
BULKHEAD_ENTRY(kOwnStack, "victim", OwnStack);

char* MapOwnPage(size_t pages = 1) {
  void* const page = mmap(nullptr, pages * kPage, kReadWrite,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  memset(page, 1, pages * kPage);
  return static_cast<char*>(page);
}

// A system call on pages, as libc answers it.
using PageCall = std::function<intptr_t(char* pages, size_t bytes)>;

intptr_t AsNumber(void* result) { return reinterpret_cast<intptr_t>(result); }

intptr_t Unmap(char* pages, size_t bytes) { return munmap(pages, bytes); }

intptr_t MapOver(char* pages, size_t bytes) {
  return AsNumber(mmap(pages, bytes, kReadWrite,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

intptr_t MapOver64(char* pages, size_t bytes) {
  return AsNumber(mmap64(pages, bytes, kReadWrite,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

intptr_t Grow(char* pages, size_t bytes) {
  return AsNumber(mremap(pages, bytes, bytes + kPage, MREMAP_MAYMOVE));
}

intptr_t Shrink(char* pages, size_t bytes) {
  return AsNumber(mremap(pages, bytes + kPage, bytes, 0));
}

intptr_t MoveAway(char* pages, size_t bytes) {
  char* const target = MapOwnPage();
  const intptr_t result = AsNumber(
      mremap(pages, bytes, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target));
  const int error = errno;
  munmap(target, kPage);
  errno = error;
  return result;
}

intptr_t MoveOnto(char* pages, size_t bytes) {
  char* const source = MapOwnPage();
  const intptr_t result = AsNumber(
      mremap(source, kPage, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, pages));
  const int error = errno;
  if (result == -1) {
    EXPECT_EQ(source[0], 1);
    munmap(source, kPage);
  }
  errno = error;
  return result;
}

PageCall Protect(int protection) {
  return [protection](char* pages, size_t bytes) {
    return mprotect(pages, bytes, protection);
  };
}

PageCall Tag(int protection, int key) {
  return [protection, key](char* pages, size_t bytes) {
    return pkey_mprotect(pages, bytes, protection, key);
  };
}

PageCall Advise(int advice) {
  return [advice](char* pages, size_t bytes) {
    return madvise(pages, bytes, advice);
  };
}

constexpr int kEveryAdvice[] = {
    MADV_NORMAL,     MADV_RANDOM,    MADV_SEQUENTIAL, MADV_WILLNEED,
    MADV_DONTNEED,   MADV_FREE,      MADV_REMOVE,     MADV_DONTFORK,
    MADV_DOFORK,     MADV_MERGEABLE, MADV_HUGEPAGE,   MADV_NOHUGEPAGE,
    MADV_DONTDUMP,   MADV_DODUMP,    MADV_WIPEONFORK, MADV_KEEPONFORK,
    MADV_COLD,       MADV_PAGEOUT,   MADV_HWPOISON,   MADV_DONTNEED_LOCKED,
    MADV_UNMERGEABLE};

// Those that replace pages or tag them.
std::vector<PageCall> ReplacingCalls() {
  return {Unmap,  MapOver,  MapOver64, Grow,
          Shrink, MoveAway, MoveOnto,  Tag(kReadWrite, 0)};
}

struct Place {
  std::string name;
  char* page;
};

class RefusedTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("victim");
    ASSERT_TRUE(made.ok()) << made.status();
    victim = *made;
    secret = victim.Call(kMakeSecret).value();
  }
  void TearDown() override {
    EXPECT_EQ(victim.Call(kCountIntact, secret).value(), kPages * kPage);
    EXPECT_EQ(victim.Destroy(), absl::OkStatus());
  }

  // Pages that nobody may change by a system call.
  std::vector<Place> Places() const {
    const ThreadRecord& record = *CurrentRecord();
    const auto at = [](uintptr_t address) {
      return reinterpret_cast<char*>(address);
    };
    const uintptr_t end = reservation.begin() + reservation.bytes();
    uintptr_t unused = reservation.begin();
    while (reservation.Owner(unused) != kNobody) {
      unused += reservation.cage_bytes();
    }
    const PageRange block = {reinterpret_cast<uintptr_t>(secret),
                             kPages * kPage};
    return {
        {"a vault's heap", secret},
        {"a vault's stack", victim.Call(kOwnStack).value()},
        {"the vault's live map", at(reservation.LiveMapOf(block).begin)},
        {"a thread's record", PageOf(&record)},
        {"a stack of the monitor's", at(record.monitor_stack - kPage)},
        {"the first page", at(reservation.begin())},
        {"the last page", at(end - kPage)},
        {"a cage of nobody's", at(unused)},
        {"sealed data", at(SealedData().begin)},
        {"the last sealed page", at(SealedData().end() - kPage)},
        {"settled data", at(SettledData().begin)},
        {"the last settled page", at(SettledData().end() - kPage)},
    };
  }

  // Makes the call on one page of each place.
  void ExpectRefused(const PageCall& call) const {
    for (const Place& place : Places()) ExpectRefusedAt(place, call);
  }

  static void ExpectRefusedAt(const Place& place, const PageCall& call) {
    const Mapping before = FindMapping(place.page);
    errno = 0;
    EXPECT_EQ(call(place.page, kPage), -1) << place.name;
    EXPECT_EQ(errno, EPERM) << place.name;
    const Mapping after = FindMapping(place.page);
    EXPECT_EQ(after.permissions, before.permissions) << place.name;
    EXPECT_EQ(after.flags, before.flags) << place.name;
    EXPECT_EQ(after.key, before.key) << place.name;
  }

  Compartment victim{bh_compartment{0, 0}};
  char* secret = nullptr;
};

TEST_F(RefusedTest, NothingIsUnmapped) { ExpectRefused(Unmap); }

TEST_F(RefusedTest, NothingIsMappedOver) {
  ExpectRefused(MapOver);
  ExpectRefused(MapOver64);
}

TEST_F(RefusedTest, NothingIsMovedAway) {
  ExpectRefused(Grow);
  ExpectRefused(Shrink);
  ExpectRefused(MoveAway);
}

TEST_F(RefusedTest, NothingIsMovedOnto) { ExpectRefused(MoveOnto); }

TEST_F(RefusedTest, NothingIsProtected) {
  for (const int protection :
       {PROT_NONE, PROT_READ, kReadWrite, PROT_EXEC, kReadWrite | PROT_EXEC}) {
    ExpectRefused(Protect(protection));
    ExpectRefused(Tag(protection, -1));
  }
}

TEST_F(RefusedTest, NothingIsTagged) {
  for (const int key : {0, 1, 15, 16}) ExpectRefused(Tag(kReadWrite, key));
}

TEST_F(RefusedTest, NothingIsAdvised) {
  for (const int advice : kEveryAdvice) {
    SCOPED_TRACE(advice);
    ExpectRefused(Advise(advice));
  }
}

// The kernel acts on the part of a range that lies there, too.
TEST_F(RefusedTest, NorByARangeThatReachesIn) {
  const uintptr_t begin = reservation.begin();
  const uintptr_t sealed = SealedData().begin;
  const PageRange ranges[] = {
      {begin - kPage, 2 * kPage},
      {begin + reservation.bytes() - kPage, 2 * kPage},
      {begin - kPage, reservation.bytes() + 2 * kPage},
      {begin - kPage, kPage + 1},
      {sealed - kPage, 2 * kPage},
      {reinterpret_cast<uintptr_t>(secret) - kPage, (kPages + 2) * kPage},
  };
  std::vector<PageCall> calls = ReplacingCalls();
  calls.push_back(Protect(kReadWrite));
  calls.push_back(Advise(MADV_DONTNEED));
  for (const PageRange& range : ranges) {
    for (size_t i = 0; i < calls.size(); ++i) {
      errno = 0;
      EXPECT_EQ(calls[i](reinterpret_cast<char*>(range.begin), range.bytes), -1)
          << i;
      EXPECT_EQ(errno, EPERM) << i;
    }
  }
}

// Where the process asked for linear address masking, the kernel drops bits.
TEST_F(RefusedTest, NorByATaggedAddress) {
  for (int bit = 57; bit <= 62; ++bit) {
    auto* const tagged = reinterpret_cast<char*>(
        reinterpret_cast<uintptr_t>(secret) | uintptr_t{1} << bit);
    std::vector<PageCall> calls = ReplacingCalls();
    calls.push_back(Protect(kReadWrite));
    calls.push_back(Advise(MADV_DONTNEED));
    for (const PageCall& call : calls) {
      errno = 0;
      EXPECT_EQ(call(tagged, kPage), -1) << bit;
      EXPECT_EQ(errno, EPERM) << bit;
    }
  }
}

// The root may protect and advise its own pages, and that is all.
TEST_F(RefusedTest, TheRootsOwnHeapStaysInItsPlace) {
  char* const own = MakeSecret<kPages>();
  for (const PageCall& call : ReplacingCalls()) {
    ExpectRefusedAt({"the root's heap", own}, call);
  }
  // A forked child's reservation would have a hole.
  ExpectRefusedAt({"the root's heap", own}, Advise(MADV_DONTFORK));
  EXPECT_EQ(CountIntact<kPages>(own), kPages * kPage);
  free(own);
}

// What the root's cages hold beyond what was handed to its heap is nobody's.
TEST_F(RefusedTest, PagesThatNoHeapHasYetStayClosed) {
  const HeapRun& run = bulkhead_compartments[0].runs[0];
  ASSERT_LT(run.committed, run.cages.bytes);
  auto* const next = reinterpret_cast<char*>(run.cages.begin + run.committed);
  ExpectRefusedAt({"uncommitted", next}, Protect(kReadWrite));
  ExpectRefusedAt({"uncommitted", next}, Advise(MADV_DONTNEED));
  errno = 0;
  EXPECT_EQ(mprotect(next - kPage, 2 * kPage, kReadWrite), -1);
  EXPECT_EQ(errno, EPERM);
}

std::atomic<int> stage;

void WaitInside() {
  stage = 1;
  while (stage != 2) std::this_thread::yield();
}
BULKHEAD_ENTRY(kWaitInside, "victim", WaitInside);

// By page protection the vault is then open to all threads.
TEST_F(RefusedTest, NorWhileAnotherThreadIsInside) {
  stage = 0;
  std::thread inside([this] { victim.Call(kWaitInside).IgnoreError(); });
  while (stage != 1) std::this_thread::yield();
  const Place place = {"a vault's heap", secret};
  ExpectRefusedAt(place, Protect(PROT_READ));
  ExpectRefusedAt(place, Advise(MADV_DONTNEED));
  for (const PageCall& call : ReplacingCalls()) ExpectRefusedAt(place, call);
  stage = 2;
  inside.join();
}

int CountRefusals(char* pages) {
  int refusals = 0;
  const auto count = [&refusals](intptr_t result) {
    refusals += result == -1 && errno == EPERM;
  };
  count(Unmap(pages, kPage));
  count(MapOver(pages, kPage));
  count(Grow(pages, kPage));
  count(MoveOnto(pages, kPage));
  count(mprotect(pages, kPage, kReadWrite));
  count(pkey_mprotect(pages, kPage, kReadWrite, 0));
  count(madvise(pages, kPage, MADV_DONTNEED));
  return refusals;
}
BULKHEAD_ENTRY(kCountRefusals, "other", CountRefusals);

TEST_F(RefusedTest, NorFromAnotherVault) {
  auto other = Compartment::Create("other");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->Call(kCountRefusals, secret).value(), 7);
  EXPECT_EQ(other->Destroy(), absl::OkStatus());
}

// Without keys none of these is a key either: both backends answer alike.
TEST_F(RefusedTest, KeysOfBulkheadsAreNone) {
  char* const page = MapOwnPage();
  int owned = 0;
  for (int key = 1; key <= 15; ++key) {
    if (HasKeys() && (bulkhead_owned_pkru & uint32_t{3} << 2 * key) == 0) {
      continue;
    }
    ++owned;
    errno = 0;
    EXPECT_EQ(pkey_mprotect(page, kPage, kReadWrite, key), -1) << key;
    EXPECT_EQ(errno, EINVAL) << key;
    errno = 0;
    EXPECT_EQ(pkey_free(key), -1) << key;
    EXPECT_EQ(errno, EINVAL) << key;
  }
  EXPECT_EQ(owned, HasKeys() ? 13 : 15);
  EXPECT_LE(FindMapping(page).key, 0);
  EXPECT_EQ(page[0], 1);
  munmap(page, kPage);
}

TEST_F(RefusedTest, TheProgramsOwnKeysServeIt) {
  char* const page = MapOwnPage();
  const int key = pkey_alloc(0, 0);
  EXPECT_TRUE(key > 0 || !HasKeys());
  if (key > 0) {
    EXPECT_EQ(pkey_mprotect(page, kPage, kReadWrite, key), 0);
    EXPECT_EQ(FindMapping(page).key, key);
    EXPECT_EQ(pkey_mprotect(page, kPage, kReadWrite, 0), 0);
    EXPECT_EQ(FindMapping(page).key, 0);
    EXPECT_EQ(pkey_free(key), 0);
    errno = 0;
    EXPECT_EQ(pkey_free(key), -1);
    EXPECT_EQ(errno, EINVAL);
  }
  EXPECT_EQ(page[0], 1);
  munmap(page, kPage);
}

// What the kernel refuses whatever lies there, it refuses itself.
TEST_F(RefusedTest, TheKernelsOwnErrorsStay) {
  const auto expect = [](intptr_t result, int error, const char* what) {
    EXPECT_EQ(result, -1) << what;
    EXPECT_EQ(errno, error) << what;
  };
  expect(munmap(secret + 1, kPage), EINVAL, "munmap, unaligned");
  expect(munmap(secret, 0), EINVAL, "munmap, no bytes");
  expect(munmap(secret, SIZE_MAX), EINVAL, "munmap, too much");
  expect(MapOver(secret + 1, kPage), EINVAL, "mmap, unaligned");
  expect(MapOver(secret, SIZE_MAX), ENOMEM, "mmap, too much");
  expect(Grow(secret + 1, kPage), EINVAL, "mremap, unaligned");
  expect(MoveOnto(secret + 1, kPage), EINVAL, "mremap onto, unaligned");
  expect(MoveOnto(secret, SIZE_MAX), EINVAL, "mremap onto, too much");
  expect(mprotect(secret + 1, kPage, kReadWrite), EINVAL,
         "mprotect, unaligned");
  expect(mprotect(secret, SIZE_MAX, kReadWrite), ENOMEM, "mprotect, too much");
  expect(madvise(secret + 1, kPage, MADV_DONTNEED), EINVAL,
         "madvise, unaligned");
  expect(madvise(secret, SIZE_MAX, MADV_DONTNEED), EINVAL, "madvise, too much");
  EXPECT_EQ(mprotect(secret, 0, kReadWrite), 0);
  EXPECT_EQ(madvise(secret, 0, MADV_DONTNEED), 0);
}

// An address that is a wish does no harm: the kernel looks for a free one.
TEST_F(RefusedTest, AWishForTheirPlaceIsNoChange) {
  void* const elsewhere =
      mmap(secret, kPage, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(elsewhere, MAP_FAILED);
  EXPECT_FALSE(reservation.Contains(reinterpret_cast<uintptr_t>(elsewhere)));
  munmap(elsewhere, kPage);
  errno = 0;
  EXPECT_EQ(mmap(secret, kPage, kReadWrite,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
            MAP_FAILED);
  EXPECT_EQ(errno, EEXIST);
}

// The tests above can tell: on the program's own pages each call does its work.
TEST_F(RefusedTest, TheCheckOfTheAttacksWorks) {
  const auto works = [](const PageCall& call) {
    char* const pages = MapOwnPage(2);
    const intptr_t result = call(pages, kPage);
    munmap(pages, 2 * kPage);
    return result != -1;
  };
  for (const PageCall& call :
       {PageCall(Unmap), PageCall(MapOver), PageCall(MapOver64), PageCall(Grow),
        PageCall(Shrink), PageCall(MoveAway), PageCall(MoveOnto),
        Protect(PROT_READ), Advise(MADV_DONTNEED)}) {
    EXPECT_TRUE(works(call));
  }
}

}  // namespace
}  // namespace bulkhead
