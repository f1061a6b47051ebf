// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Every byte of Bulkhead's in a running process carries the key of metadata, of
// frames or of a compartment, or is in the list of docs/key0.md: at every stage
// of a process's life.

#include "tests/seal/walk.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/bulkhead.h"
#include "gtest/gtest.h"
#include "tests/malloc_family/allocator_under_test.h"
#include "tests/sandboxes/means.h"
#include "tests/support/busy_threads.h"
#include "tests/support/mappings.h"
#include "tests/support/scale.h"

namespace bulkhead {
namespace {

using bulkhead_test::AllocateInManyClasses;
using bulkhead_test::Findings;
using bulkhead_test::FindMapping;
using bulkhead_test::Known;
using bulkhead_test::Range;
using bulkhead_test::WalkMappings;
using bulkhead_test::Watchdog;

// The interface as a program finds it that the library was preloaded into.
template <typename Function>
Function* Find(const char* name) {
  auto* const found = reinterpret_cast<Function*>(FindSymbol(name));
  if (found == nullptr) abort();
  return found;
}
#define API(name) Find<decltype(name)>(#name)

constexpr size_t kSizes[] = {20, 700, 9000, 100000, 3 * kMiB};

// Leaves blocks of every kind in the current heap, and one that it returns.
void* Furnish() {
  if (!AllocateInManyClasses()) abort();
  void* last = nullptr;
  for (const size_t size : kSizes) {
    last = malloc(size);
    Fill(last, size, 1);
    free(Hide(malloc(size)));
  }
  return last;
}

uint64_t FurnishInside() { return reinterpret_cast<uintptr_t>(Furnish()); }
BULKHEAD_GATE(kFurnishFirst, "first", FurnishInside);
BULKHEAD_GATE(kFurnishSecond, "second", FurnishInside);
BULKHEAD_GATE(kFurnishBox, "box", FurnishInside);

std::atomic<int> waiting{0};
std::atomic<bool> may_go{false};
void WaitInside() {
  ++waiting;
  while (!may_go) sched_yield();
}
BULKHEAD_GATE(kWaitInside, "first", WaitInside);

uintptr_t OwnRecord() {
  uintptr_t record;
  __asm__("mov %%gs:0, %0" : "=r"(record));
  return record;
}

// What is known of the process, growing with the cases.
Known& Knowledge() {
  static Known known;
  if (known.owner == nullptr) {
    known.has_keys = API(bh_get_level)() == BH_LEVEL_PKU;
    known.all_read_frames = !bulkhead_test::MayHaveSandboxes();
    known.owner = API(bh_owner);
    known.first_record = OwnRecord();
    known.block_of_root = Furnish();
  }
  return known;
}

// The end of the stack that a handler of the calling thread runs on: the
// extended registers stand last on it.
thread_local uintptr_t end_of_handlers = 0;
void TellOfHandler(int, siginfo_t*, void* raw_context) {
  const auto& context = *static_cast<ucontext_t*>(raw_context);
  const auto area = reinterpret_cast<uintptr_t>(context.uc_mcontext.fpregs);
  // struct _fpx_sw_bytes, extended_size (asm/sigcontext.h).
  const auto bytes = *reinterpret_cast<const uint32_t*>(area + 464 + 4);
  end_of_handlers = (area + bytes + 4095) / 4096 * 4096;
}

// Bulkhead's own signal stack of the calling thread, if it has one: of 64 KiB
// (docs/limits.md), and not told of by sigaltstack().
Range OwnSignalStack(Range stack) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_sigaction = TellOfHandler;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGUSR2, &action, &before) != 0) abort();
  raise(SIGUSR2);
  sigaction(SIGUSR2, &before, nullptr);
  const uintptr_t end = end_of_handlers;
  if (end > stack.begin && end <= stack.end) return {};
  return {end - 16 * 4096, end};
}

// Adds what the calling thread knows of its own stacks.
void TellOfStacks() {
  static std::mutex mutex;
  pthread_attr_t attributes;
  void* address = nullptr;
  size_t bytes = 0;
  size_t guard = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) abort();
  pthread_attr_getstack(&attributes, &address, &bytes);
  pthread_attr_getguardsize(&attributes, &guard);
  pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<uintptr_t>(address);
  stack_t alternate = {};
  sigaltstack(nullptr, &alternate);
  const auto signal_begin = reinterpret_cast<uintptr_t>(alternate.ss_sp);
  const std::lock_guard<std::mutex> lock(mutex);
  const Range own = OwnSignalStack({begin, begin + bytes});
  Knowledge().stacks.push_back({begin - guard, begin + bytes});
  if ((alternate.ss_flags & SS_DISABLE) == 0) {
    Knowledge().signal_stacks.push_back(
        {signal_begin, signal_begin + alternate.ss_size});
  } else if (own.end != 0) {
    Knowledge().signal_stacks.push_back(own);
  }
}

Findings ExpectKeyed(const char* stage) {
  const Findings findings = WalkMappings(Knowledge());
  for (const std::string& problem : findings.problems) {
    ADD_FAILURE() << stage << ": " << problem;
  }
  EXPECT_GT(findings.metadata_bytes, 4 * kMiB) << stage;
  EXPECT_GT(findings.frames_bytes, 0u) << stage;
  return findings;
}

// The first column of the table in that section of the page.
std::set<std::string> Listed(const std::string& section) {
  std::ifstream page("docs/key0.md");
  std::set<std::string> listed;
  std::string line;
  bool found = false;
  while (std::getline(page, line)) {
    if (line.rfind("## ", 0) == 0) found = line == "## " + section;
    if (!found || line.rfind("| `", 0) != 0) continue;
    listed.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return listed;
}

class Vault {
 public:
  Vault(const char* name, const bh_gate* furnish,
        const bh_options* options = nullptr)
      : furnish_(furnish) {
    if (API(bh_create_with_gates)(name, options, __start_bulkhead_gates,
                                  __stop_bulkhead_gates, &handle) != BH_OK) {
      abort();
    }
  }
  const void* Visit() const {
    const bh_result result = Call(furnish_);
    return reinterpret_cast<const void*>(result.value);
  }
  bh_result Call(const bh_gate* gate) const {
    const bh_result result = API(bh_call)(handle, gate, 0, 0, 0, 0, 0, 0);
    if (result.status != BH_OK) abort();
    return result;
  }
  void Destroy() const { EXPECT_EQ(API(bh_destroy)(handle), BH_OK); }

  bh_compartment handle = {};

 private:
  const bh_gate* furnish_;
};

// One case, since each stage has what the one before left.
TEST(Walk, FindsAKeyOnEveryByteThatIsNotListed) {
  const Watchdog watchdog;
  TellOfStacks();
  ExpectKeyed("at first");

  const Vault first("first", &kFurnishFirst);
  const Vault second("second", &kFurnishSecond);
  for (const Vault* const vault : {&first, &second}) {
    Knowledge().keys[vault->handle.id] = FindMapping(vault->Visit()).key;
  }
  TellOfStacks();
  ExpectKeyed("with compartments");

  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::atomic<int> outside{0};
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Furnish();
      first.Visit();
      second.Visit();
      TellOfStacks();
      if (i % 2 == 0) {
        first.Call(&kWaitInside);
      } else {
        ++outside;
        while (!may_go) sched_yield();
      }
    });
  }
  while (waiting + outside < kThreads) sched_yield();
  Findings findings = ExpectKeyed("with threads inside and outside");
  EXPECT_GT(findings.compartments_bytes, 12 * kMiB);

  EXPECT_EQ(RunInChild([] {
              ExpectKeyed("in a forked child");
              std::cout.flush();
              return testing::Test::HasFailure() ? 1 : 0;
            }),
            kExitedWell);

  may_go = true;
  for (std::thread& thread : threads) thread.join();
  findings = ExpectKeyed("after threads have ended");
  if (Knowledge().has_keys) {
    EXPECT_EQ(findings.without_key, Listed("Mappings"));
  }

  first.Destroy();
  second.Destroy();
  findings = ExpectKeyed("after compartments were destroyed");
  // Their stacks wait, empty, for the next compartments in their places.
  Furnish();
  ExpectKeyed("without compartments");

  if (!bulkhead_test::MayHaveSandboxes()) return;
  bh_options options = {};
  options.kind = BH_KIND_SANDBOX;
  const Vault box("box", &kFurnishBox, &options);
  Knowledge().root_key = FindMapping(Furnish()).key;
  EXPECT_GT(Knowledge().root_key, 0);
  Knowledge().keys[box.handle.id] = FindMapping(box.Visit()).key;
  ExpectKeyed("with a sandbox");
  std::atomic<bool> is_furnished{false};
  std::atomic<bool> is_seen{false};
  std::thread later([&] {
    Furnish();
    box.Visit();
    TellOfStacks();
    is_furnished = true;
    while (!is_seen) sched_yield();
  });
  while (!is_furnished) sched_yield();
  findings = ExpectKeyed("with a thread that came after it");
  is_seen = true;
  later.join();
  EXPECT_EQ(findings.without_key, Listed("Mappings once there is a sandbox"));
  box.Destroy();
  Furnish();
  ExpectKeyed("at last");
}

}  // namespace
}  // namespace bulkhead
