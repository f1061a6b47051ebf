// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Sandboxes: what runs in them, what they reach, and what they do not.

#include "tests/sandboxes/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::SandboxTest;

uint64_t Sum6(uint8_t a, int16_t b, uint32_t c, int64_t d, bool e, char f) {
  return a + static_cast<uint64_t>(b) + c + static_cast<uint64_t>(d) + e +
         static_cast<uint64_t>(f);
}
BULKHEAD_ENTRY(kSum6, "box", Sum6);

uint32_t CurrentId() { return bh_current().id; }
BULKHEAD_ENTRY(kCurrentId, "box", CurrentId);

// A block that the sandbox has written to.
char* MakeText(int number) {
  char* text = static_cast<char*>(malloc(64));
  snprintf(text, 64, "number %d", number);
  return text;
}
BULKHEAD_ENTRY(kMakeText, "box", MakeText);

size_t LengthOf(const char* text) { return strlen(text); }
BULKHEAD_ENTRY(kLengthOf, "box", LengthOf);

void FreeText(char* text) { free(text); }
BULKHEAD_ENTRY(kFreeText, "box", FreeText);

uint64_t LoadFrom(const volatile uint64_t* address) { return *address; }
BULKHEAD_ENTRY(kLoadFrom, "box", LoadFrom);
BULKHEAD_ENTRY(kRelaxedLoadFrom, "relaxed", LoadFrom);

void StoreTo(volatile uint64_t* address, uint64_t value) { *address = value; }
BULKHEAD_ENTRY(kStoreTo, "box", StoreTo);
BULKHEAD_ENTRY(kRelaxedStoreTo, "relaxed", StoreTo);

uint64_t global = 42;
thread_local uint64_t of_thread = 7;

uint64_t CountOfThread() { return ++of_thread; }
BULKHEAD_ENTRY(kCountOfThread, "box", CountOfThread);

int SetErrno(int value) {
  const int before = errno;
  errno = value;
  return before;
}
BULKHEAD_ENTRY(kSetErrno, "box", SetErrno);

// Containers, strings and numbers of the standard libraries.
uint64_t UseContainers(int count) {
  std::map<std::string, int> numbers;
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    names.push_back("name of " + std::to_string(i));
    numbers[names.back()] = i;
  }
  uint64_t sum = 0;
  for (const auto& [name, number] : numbers) {
    sum += static_cast<uint64_t>(number) + name.size();
  }
  return sum + static_cast<uint64_t>(strtod("1e3", nullptr));
}
BULKHEAD_ENTRY(kUseContainers, "box", UseContainers);

bh_status MakeAnother() {
  bh_compartment made;
  return bh_create("another", nullptr, &made);
}
BULKHEAD_ENTRY(kMakeAnother, "box", MakeAnother);

Compartment MakeSandbox(const char* name, bh_kind kind = BH_KIND_SANDBOX) {
  bh_options options = {};
  options.kind = kind;
  const auto made = Compartment::Create(name, options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

// A sandbox for as long as a test runs.
class Box {
 public:
  explicit Box(bh_kind kind = BH_KIND_SANDBOX)
      : box_(MakeSandbox(kind == BH_KIND_SANDBOX ? "box" : "relaxed", kind)) {}
  ~Box() { EXPECT_TRUE(box_.Destroy().ok()); }
  const Compartment* operator->() const { return &box_; }

 private:
  Compartment box_;
};

Compartment Shared() {
  bh_compartment shared = {};
  EXPECT_EQ(bh_shared(&shared), BH_OK);
  return Compartment(shared);
}

TEST_F(SandboxTest, PassesArgumentsAndAResult) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  EXPECT_EQ(*box->Call(kSum6, 1, -2, 300000u, int64_t{1} << 40, true, 'a'),
            1u - 2 + 300000 + (uint64_t{1} << 40) + 1 + 'a');
  EXPECT_EQ(*box->Call(kCurrentId), box->handle().id);
  EXPECT_EQ(bh_current().id, 0u);
}

TEST_F(SandboxTest, HasAHeapOfItsOwn) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  char* text = *box->Call(kMakeText, 17);
  EXPECT_EQ(bh_owner(text).id, box->handle().id);
  EXPECT_EQ(*box->Call(kLengthOf, text), strlen("number 17"));
  EXPECT_TRUE(box->Call(kFreeText, text).ok());
  EXPECT_GT(*box->Call(kUseContainers, 1000), 1000u);
}

// What a scope leaves in the heap is there for the sandbox; the thread was not
// in it before.
TEST_F(SandboxTest, HasWhatAScopeLeaves) {
  RETURN_WITHOUT_SANDBOXES();
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  options.scopes = BH_ON;
  const auto box = Compartment::Create("box", options);
  ASSERT_TRUE(box.ok()) << box.status();
  char* text = nullptr;
  EXPECT_EQ(box->WithScope([&] { text = strdup("left by a scope"); }),
            absl::OkStatus());
  EXPECT_EQ(bh_is_inside(box->handle(), text, 16), 1);
  EXPECT_EQ(*box->Call(kLengthOf, text), strlen("left by a scope"));
  EXPECT_EQ(*box->Call(kCurrentId), box->handle().id);
  EXPECT_TRUE(box->Call(kFreeText, text).ok());
  EXPECT_EQ(box->Destroy(), absl::OkStatus());
}

TEST_F(SandboxTest, SharesAHeapWithTheRoot) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  auto* number = static_cast<uint64_t*>(Shared().Allocate(sizeof(uint64_t)));
  *number = 3;
  EXPECT_EQ(*box->Call(kLoadFrom, number), 3u);
  EXPECT_TRUE(box->Call(kStoreTo, number, 4).ok());
  EXPECT_EQ(*number, 4u);
  free(number);
}

TEST_F(SandboxTest, HasThreadLocalsOfItsOwn) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  of_thread = 100;
  errno = 5;
  EXPECT_EQ(*box->Call(kCountOfThread), 8u);
  EXPECT_EQ(*box->Call(kCountOfThread), 9u);
  EXPECT_EQ(*box->Call(kSetErrno, 3), 0);
  EXPECT_EQ(*box->Call(kSetErrno, 0), 3);
  EXPECT_EQ(of_thread, 100u);
  EXPECT_EQ(errno, 5);
  std::thread([&box] { EXPECT_EQ(*box->Call(kCountOfThread), 8u); }).join();
}

TEST_F(SandboxTest, ReadsGlobals) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  EXPECT_EQ(*box->Call(kLoadFrom, &global), 42u);
}

// Expects that `body` ends its process with a report of that kind.
void ExpectReport(const std::string& kind, const std::function<void()>& body) {
  const ChildResult result = RunInChild(body);
  EXPECT_TRUE(result.DiedOf(SIGABRT)) << result.code << "\n" << result.errors;
  EXPECT_NE(result.errors.find("ERROR: Bulkhead: " + kind + " on address"),
            std::string::npos)
      << result.errors;
}

TEST_F(SandboxTest, ReachesNothingOfTheRoots) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  auto* block = new uint64_t(1);
  uint64_t on_stack = 2;
  void* mapping = mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  uint64_t* const places[] = {block, &on_stack, &of_thread,
                              static_cast<uint64_t*>(mapping)};
  for (uint64_t* place : places) {
    ExpectReport("root-read", [&] { (void)box->Call(kLoadFrom, place); });
    ExpectReport("root-write", [&] { (void)box->Call(kStoreTo, place, 1); });
  }
  delete block;
  munmap(mapping, 4096);
}

// The errno of a call that shall be refused; 0: it was not.
int Unmap(void* address) { return munmap(address, 4096) == 0 ? 0 : errno; }
BULKHEAD_ENTRY(kUnmap, "box", Unmap);
int Protect(void* address) {
  return mprotect(address, 4096, PROT_NONE) == 0 ? 0 : errno;
}
BULKHEAD_ENTRY(kProtect, "box", Protect);
int Discard(void* address) {
  return madvise(address, 4096, MADV_DONTNEED) == 0 ? 0 : errno;
}
BULKHEAD_ENTRY(kDiscard, "box", Discard);
int MapOver(void* address) {
  return mmap(address, 4096, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED
             ? 0
             : errno;
}
BULKHEAD_ENTRY(kMapOver, "box", MapOver);

TEST_F(SandboxTest, ChangesNoMappingsOfTheRoots) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  auto* mapping =
      static_cast<uint64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(mapping, MAP_FAILED);
  *mapping = 17;
  EXPECT_EQ(*box->Call(kUnmap, mapping), EPERM);
  EXPECT_EQ(*box->Call(kProtect, mapping), EPERM);
  EXPECT_EQ(*box->Call(kDiscard, mapping), EPERM);
  EXPECT_EQ(*box->Call(kMapOver, mapping), EPERM);
  EXPECT_EQ(*mapping, 17u);
  EXPECT_EQ(munmap(mapping, 4096), 0);
}

TEST_F(SandboxTest, ReachesNothingOfAnotherThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  std::atomic<uint64_t*> places[2] = {};
  std::atomic<bool> done{false};
  std::thread other([&] {
    uint64_t on_stack = 1;
    places[0] = &on_stack;
    places[1] = &of_thread;
    while (!done) std::this_thread::yield();
  });
  while (places[1] == nullptr) std::this_thread::yield();
  for (const auto& place : places) {
    uint64_t* const address = place;
    ExpectReport("root-read", [&] { (void)box->Call(kLoadFrom, address); });
  }
  done = true;
  other.join();
}

TEST_F(SandboxTest, WritesToNoGlobals) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  ExpectReport("root-write", [&] { (void)box->Call(kStoreTo, &global, 1); });
  // libc's own: the stream of errors, which is not the sandbox's.
  ExpectReport("root-write", [&] {
    (void)box->Call(kStoreTo, reinterpret_cast<uint64_t*>(stdout), 1);
  });
}

TEST_F(SandboxTest, WritesToGlobalsIfRelaxed) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box(BH_KIND_RELAXED_SANDBOX);
  EXPECT_TRUE(box->Call(kRelaxedStoreTo, &global, 43).ok());
  EXPECT_EQ(global, 43u);
  global = 42;
  uint64_t on_stack = 0;
  ExpectReport("root-read",
               [&] { (void)box->Call(kRelaxedLoadFrom, &on_stack); });
}

TEST_F(SandboxTest, FreesNothingOfTheRoots) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  char* block = static_cast<char*>(malloc(100));
  ExpectReport("foreign-free", [&] { (void)box->Call(kFreeText, block); });
  free(block);
}

TEST_F(SandboxTest, MakesNoCompartments) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  EXPECT_EQ(*box->Call(kMakeAnother), BH_ERR_DENIED);
}

// Says that it is there, and waits.
void WaitInside(volatile uint64_t* words) {
  words[0] = 1;
  while (words[1] == 0) {
  }
}
BULKHEAD_ENTRY(kWaitInside, "box", WaitInside);

TEST_F(SandboxTest, IsNotDestroyedAroundAThread) {
  RETURN_WITHOUT_SANDBOXES();
  const Compartment box = MakeSandbox("box");
  auto* words = static_cast<volatile uint64_t*>(Shared().Allocate(64));
  words[0] = 0;
  words[1] = 0;
  std::thread inside([&] { EXPECT_TRUE(box.Call(kWaitInside, words).ok()); });
  while (words[0] == 0) std::this_thread::yield();
  EXPECT_EQ(box.Destroy().code(), absl::StatusCode::kFailedPrecondition);
  words[1] = 1;
  inside.join();
  EXPECT_TRUE(box.Destroy().ok());
  EXPECT_EQ(box.Call(kCurrentId).status().code(),
            absl::StatusCode::kFailedPrecondition);
  free(const_cast<uint64_t*>(words));
}

TEST_F(SandboxTest, ServesManyThreads) {
  RETURN_WITHOUT_SANDBOXES();
  const Box box;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&box, i] {
      for (int round = 0; round < 200; ++round) {
        char* text = *box->Call(kMakeText, i);
        ASSERT_EQ(*box->Call(kLengthOf, text), strlen("number 0"));
        ASSERT_TRUE(box->Call(kFreeText, text).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
