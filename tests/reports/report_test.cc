// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Every kind of report, by its exact first line.

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <threads.h>
#include <unistd.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using bulkhead::Compartment;
using bulkhead_test::ChildResult;
using bulkhead_test::RunInChild;

char* Allocate(size_t size) {
  char* block = static_cast<char*>(malloc(size));
  memset(block, 0x5a, size);
  return block;
}
BULKHEAD_ENTRY(kAllocate, "keys", Allocate);
BULKHEAD_ENTRY(kOtherAllocate, "other", Allocate);

__attribute__((noinline)) char Read(const char* address) {
  return *const_cast<const volatile char*>(address);
}
BULKHEAD_ENTRY(kRead, "keys", Read);

__attribute__((noinline)) void Write(char* address) {
  *const_cast<volatile char*>(address) = 1;
}

void FreeTwice(void* block) {
  void* again = block;
  __asm__("" : "+r"(again));
  // Its slab stays in use.
  void* neighbour = malloc(100);
  __asm__ volatile("" : : "r"(neighbour));
  free(block);
  free(again);
  free(neighbour);
}
BULKHEAD_ENTRY(kFreeTwice, "keys", FreeTwice);

int Dig(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth > 1000000 ? 0 : Dig(depth + 1) + frame[0];
}
BULKHEAD_ENTRY(kDig, "keys", Dig);

void* ReadIt(void* address) {
  Read(static_cast<const char*>(address));
  return nullptr;
}

// Not std::thread: what it hands to the thread would lie in the vault.
void ReadInNewThread(char* address) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, ReadIt, address) != 0) abort();
  pthread_join(thread, nullptr);
}
BULKHEAD_ENTRY(kReadInNewThread, "keys", ReadInNewThread);

int ReadItAsInt(void* address) {
  return Read(static_cast<const char*>(address));
}

void ReadInC11Thread(char* address) {
  thrd_t thread;
  if (thrd_create(&thread, ReadItAsInt, address) != thrd_success) abort();
  thrd_join(thread, nullptr);
}
BULKHEAD_ENTRY(kReadInC11Thread, "keys", ReadInC11Thread);

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("keys");
    ASSERT_TRUE(made.ok()) << made.status();
    keys = *made;
    block = keys.Call(kAllocate, size_t{100}).value();
  }
  void TearDown() override { EXPECT_EQ(keys.Destroy(), absl::OkStatus()); }

  static void ExpectReport(const ChildResult& child, const std::string& kind,
                           const void* address, const std::string& owner,
                           const std::string& domain) {
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
    EXPECT_TRUE(absl::StartsWith(
        child.errors,
        absl::StrFormat("==%d==ERROR: Bulkhead: %s on address 0x%x\n",
                        child.pid, kind, reinterpret_cast<uintptr_t>(address))))
        << child.errors;
    EXPECT_TRUE(absl::StrContains(child.errors,
                                  absl::StrCat("address belongs to: ", owner)))
        << child.errors;
    EXPECT_TRUE(absl::StrContains(
        child.errors, absl::StrCat("current domain: ", domain, "\n")))
        << child.errors;
    EXPECT_TRUE(absl::StrContains(child.errors,
                                  absl::StrCat("\nSUMMARY: Bulkhead: ", kind)))
        << child.errors;
  }

  Compartment keys{bh_compartment{0, 0}};
  char* block = nullptr;
};

TEST_F(ReportTest, ReadFromRoot) {
  ExpectReport(RunInChild([this] { Read(block); }), "compartment-read", block,
               "compartment 'keys'", "root");
}

TEST_F(ReportTest, WriteFromRoot) {
  ExpectReport(RunInChild([this] { Write(block); }), "compartment-write", block,
               "compartment 'keys'", "root");
}

TEST_F(ReportTest, NamesTheFunction) {
  const ChildResult child = RunInChild([this] { Read(block); });
  EXPECT_TRUE(absl::StrContains(child.errors, "Read")) << child.errors;
  EXPECT_TRUE(absl::StrContains(child.errors, "#0 0x")) << child.errors;
}

TEST_F(ReportTest, ReadFromAnotherVault) {
  auto other = Compartment::Create("other");
  ASSERT_TRUE(other.ok());
  const char* foreign = other->Call(kOtherAllocate, size_t{10}).value();
  ExpectReport(RunInChild([&] { keys.Call(kRead, foreign).IgnoreError(); }),
               "compartment-read", foreign, "compartment 'other'", "keys");
  EXPECT_EQ(other->Destroy(), absl::OkStatus());
}

TEST_F(ReportTest, VaultsReadTheirCallers) {
  char outside = 'x';
  EXPECT_EQ(keys.Call(kRead, &outside).value(), 'x');
}

TEST_F(ReportTest, TheVaultIsClosedAfterACall) {
  EXPECT_EQ(keys.Call(kRead, block).value(), 0x5a);
  EXPECT_TRUE(RunInChild([this] {
                keys.Call(kRead, block).value();
                Read(block);
              }).DiedOf(SIGABRT));
}

TEST_F(ReportTest, StackOverflow) {
  const ChildResult child =
      RunInChild([this] { keys.Call(kDig, 0).IgnoreError(); });
  EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << child.errors;
  EXPECT_TRUE(absl::StartsWith(
      child.errors,
      absl::StrFormat("==%d==ERROR: Bulkhead: stack-overflow on address 0x",
                      child.pid)))
      << child.errors;
  EXPECT_TRUE(absl::StrContains(child.errors, "a stack")) << child.errors;
}

// Whose metadata that is, everyone may read. Page protection does not seal it.
TEST_F(ReportTest, MetadataWrite) {
  char* record;
  __asm__("mov %%gs:0, %0" : "=r"(record));
  char* const first_words = record + 64;
  const ChildResult child = RunInChild([first_words] {
    Write(first_words);
    _exit(77);
  });
  if (bh_get_level() == BH_LEVEL_PKU) {
    ExpectReport(child, "metadata-write", first_words,
                 "Bulkhead, or nobody yet", "root");
  } else {
    EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
  }
}

void ExpectBlock(const ChildResult& child, const void* block) {
  EXPECT_TRUE(absl::StrContains(
      child.errors, absl::StrFormat("\n  block: 112 bytes at 0x%x\n",
                                    reinterpret_cast<uintptr_t>(block))))
      << child.errors;
}

TEST_F(ReportTest, FreeFromOutside) {
  const ChildResult child = RunInChild([this] { free(block); });
  ExpectReport(child, "foreign-free", block, "compartment 'keys'", "root");
  ExpectBlock(child, block);
}

TEST_F(ReportTest, ReallocFromOutside) {
  ExpectReport(RunInChild([this] {
                 void* moved = realloc(block, 10000);
                 __asm__ volatile("" : : "r"(moved));
               }),
               "foreign-free", block, "compartment 'keys'", "root");
}

TEST_F(ReportTest, DoubleFree) {
  const ChildResult child =
      RunInChild([this] { keys.Call(kFreeTwice, block).IgnoreError(); });
  ExpectReport(child, "double-free", block, "compartment 'keys'", "keys");
  ExpectBlock(child, block);
}

// Page protection opens a vault for the process: there the written limit holds.
TEST_F(ReportTest, ANewThreadHasNoRightsOfItsCreator) {
  for (const auto& gate : {kReadInNewThread, kReadInC11Thread}) {
    const ChildResult child =
        RunInChild([&] { keys.Call(gate, block).IgnoreError(); });
    if (bh_get_level() == BH_LEVEL_PKU) {
      ExpectReport(child, "compartment-read", block, "compartment 'keys'",
                   "root");
    } else {
      EXPECT_TRUE(child.ExitedWith(0)) << child.errors;
    }
  }
}

TEST_F(ReportTest, OtherFaultsAreTheProgramsOwn) {
  const ChildResult child = RunInChild([] {
    char* nowhere = static_cast<char*>(
        mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    Read(nowhere);
  });
  EXPECT_TRUE(child.DiedOf(SIGSEGV)) << child.code;
  EXPECT_EQ(child.errors, "");
}

TEST_F(ReportTest, TheKernelHonoursTheVault) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], block, 10), -1);
  EXPECT_EQ(errno, EFAULT);
  close(ends[0]);
  close(ends[1]);
}

// A handler from before the first compartment still gets the program's faults.
TEST(FaultHandlerTest, PassesOnToTheProgramsHandler) {
  const ChildResult child = RunInChild([] {
    signal(SIGSEGV, [](int) { _exit(77); });
    if (!Compartment::Create("late").ok()) _exit(1);
    char* nowhere = static_cast<char*>(
        mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    Read(nowhere);
  });
  EXPECT_TRUE(child.ExitedWith(77)) << child.code << child.errors;
}

}  // namespace
