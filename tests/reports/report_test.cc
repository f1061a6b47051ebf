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

// With a number in a register that no code has by chance.
__attribute__((noinline)) char ReadWithASecret(const char* address) {
  char value;
  __asm__ volatile(
      "movabs $0x5ec4e75ec4e75ec4, %%rbx\n"
      "movb (%1), %0\n"
      : "=q"(value)
      : "r"(address)
      : "rbx");
  return value;
}
BULKHEAD_ENTRY(kReadWithASecret, "keys", ReadWithASecret);

void Run(char* code) {
  *code = static_cast<char>(0xc3);  // RET
  reinterpret_cast<void (*)()>(code)();
}
BULKHEAD_ENTRY(kRun, "keys", Run);

void Free(void* block) { free(block); }
BULKHEAD_ENTRY(kFree, "keys", Free);

char CallKeysToRead(bh_compartment keys, const char* address) {
  return Compartment(keys).Call(kRead, address).value_or(0);
}
BULKHEAD_ENTRY(kCallKeysToRead, "other", CallKeysToRead);
BULKHEAD_ENTRY(kThirdAllocate, "third", Allocate);

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

void ExpectObject(const ChildResult& child, const void* block,
                  const std::string& state, int offset = 0) {
  EXPECT_TRUE(absl::StrContains(
      child.errors,
      absl::StrFormat(
          "\n  object: 112 bytes at 0x%x, %s; the address is at offset %d\n",
          reinterpret_cast<uintptr_t>(block), state, offset)))
      << child.errors;
}

void ExpectLine(const ChildResult& child, const std::string& line) {
  EXPECT_TRUE(absl::StrContains(child.errors, absl::StrCat("\n", line, "\n")))
      << child.errors;
}

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

TEST_F(ReportTest, TellsTheAccess) {
  ExpectLine(RunInChild([this] { Read(block); }), "  access: read");
  ExpectLine(RunInChild([this] { Write(block); }), "  access: write");
}

TEST_F(ReportTest, ExecutionInAHeap) {
  const ChildResult child =
      RunInChild([this] { keys.Call(kRun, block).IgnoreError(); });
  ExpectReport(child, "compartment-execute", block, "compartment 'keys'",
               "keys");
  ExpectLine(child, "  access: execute");
}

TEST_F(ReportTest, TellsTheObjectThatTheAddressIsIn) {
  ExpectObject(RunInChild([this] { Read(block + 17); }), block, "in use", 17);
  keys.Call(kFree, block).IgnoreError();
  ExpectObject(RunInChild([this] { Read(block + 17); }), block, "free", 17);
}

TEST_F(ReportTest, TellsTheGatesAndGrants) {
  Compartment::Options grantable = {};
  grantable.grants = BH_ON;
  const Compartment other = Compartment::Create("other", grantable).value();
  const Compartment readers = Compartment::Create("tables", grantable).value();
  ASSERT_EQ(other.Grant(keys, bulkhead::Access::kReadWrite), absl::OkStatus());
  ASSERT_EQ(readers.GrantEveryone(bulkhead::Access::kRead), absl::OkStatus());
  const Compartment third = Compartment::Create("third").value();
  const char* const foreign = third.Call(kThirdAllocate, size_t{10}).value();
  const ChildResult child =
      RunInChild([&] { keys.Call(kRead, foreign).IgnoreError(); });
  ExpectLine(child, "  granted to it, to read: 'tables'");
  ExpectLine(child, "  granted to it, to read and write: 'other'");
  ExpectLine(child, "  gates: root > keys");
  ExpectLine(
      RunInChild([&] {
        other.Call(kCallKeysToRead, keys.handle(), foreign).IgnoreError();
      }),
      "  gates: root > other > keys");
  for (Compartment each : {other, readers, third}) {
    EXPECT_EQ(each.Destroy(), absl::OkStatus());
  }
}

TEST_F(ReportTest, ShowsTheRootsRegistersAndNotAVaults) {
  const std::string marker = "0x5ec4e75ec4e75ec4";
  const ChildResult root = RunInChild([this] { ReadWithASecret(block); });
  EXPECT_TRUE(absl::StrContains(root.errors, marker)) << root.errors;
  EXPECT_TRUE(absl::StrContains(root.errors, " rip=0x")) << root.errors;
  const Compartment other = Compartment::Create("other").value();
  const char* const foreign = other.Call(kOtherAllocate, size_t{10}).value();
  const ChildResult vault =
      RunInChild([&] { keys.Call(kReadWithASecret, foreign).IgnoreError(); });
  ExpectReport(vault, "compartment-read", foreign, "compartment 'other'",
               "keys");
  EXPECT_FALSE(absl::StrContains(vault.errors, marker)) << vault.errors;
  EXPECT_FALSE(absl::StrContains(vault.errors, "registers")) << vault.errors;
  Compartment copy = other;
  EXPECT_EQ(copy.Destroy(), absl::OkStatus());
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

TEST_F(ReportTest, FreeFromOutside) {
  const ChildResult child = RunInChild([this] { free(block); });
  ExpectReport(child, "foreign-free", block, "compartment 'keys'", "root");
  ExpectObject(child, block, "in use");
}

TEST_F(ReportTest, ReallocFromOutside) {
  ExpectReport(RunInChild([this] {
                 void* moved = realloc(block, 10000);
                 __asm__ volatile("" : : "r"(moved));
                 free(moved);
               }),
               "foreign-free", block, "compartment 'keys'", "root");
}

TEST_F(ReportTest, DoubleFree) {
  const ChildResult child =
      RunInChild([this] { keys.Call(kFreeTwice, block).IgnoreError(); });
  ExpectReport(child, "double-free", block, "compartment 'keys'", "keys");
  ExpectObject(child, block, "free");
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
