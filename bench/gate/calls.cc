// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// Calls through one kind of gate, on the preloaded Bulkhead:
//   calls --pairs
//     Prints a line for each kind: its name, a tab, what it is.
//   calls --pair=NAME --calls=N --mebibytes=N --threads=N --others=N
//     Each thread makes N calls while that many MiB of the called compartment's
//     heap are resident, and that many compartments exist beside. Prints the
//     seconds of the slowest thread, and time-stamp cycles of one of its calls.

#include <dlfcn.h>
#include <x86intrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "bulkhead/bulkhead.h"

namespace {

constexpr uint64_t kMebibyte = 1 << 20;
constexpr uint64_t kPage = 4096;
// What each thread calls first: its stacks and its record are made then.
constexpr uint64_t kWarmUp = 16;

bh_compartment vault;
bh_compartment inner;
bh_compartment sandbox;

decltype(&bh_create_with_gates) create;
decltype(&bh_call) call;
decltype(&bh_with_scope) with_scope;
decltype(&bh_allow) allow;

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "calls: %s\n", what);
  exit(2);
}

template <typename Function>
void Find(const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  if (function == nullptr) Fail("Bulkhead is not preloaded");
}

// What is called: as little as can be, with as many arguments as gates pass.
uint64_t Add(uint64_t a, uint64_t b, uint64_t, uint64_t, uint64_t, uint64_t) {
  return a + b;
}
BULKHEAD_GATE(kAdd, "vault", Add);
BULKHEAD_GATE(kInnerAdd, "inner", Add);
BULKHEAD_GATE(kSandboxAdd, "sandbox", Add);
BULKHEAD_GATE(kRootAdd, "root", Add);

void DoNothing(void*) {}

// Blocks that stay, each page of them written.
uint64_t Fill(uint64_t mebibytes) {
  for (uint64_t i = 0; i < mebibytes; ++i) {
    auto* const block = static_cast<volatile char*>(malloc(kMebibyte));
    if (block == nullptr) return 0;
    for (uint64_t at = 0; at < kMebibyte; at += kPage) block[at] = 1;
  }
  return 1;
}
BULKHEAD_GATE(kFill, "vault", Fill);
BULKHEAD_GATE(kInnerFill, "inner", Fill);
BULKHEAD_GATE(kSandboxFill, "sandbox", Fill);

void Must(bool holds) {
  if (!holds) Fail("a call failed");
}

// The same loop around another call each time, so that it falls out of counts.
void CallDirectly(uint64_t calls) {
  decltype(&Add) volatile function = Add;
  for (uint64_t i = 0; i < calls; ++i)
    Must(function(i, 1, 0, 0, 0, 0) == i + 1);
}

void CallVault(uint64_t calls) {
  for (uint64_t i = 0; i < calls; ++i) {
    Must(call(vault, &kAdd, i, 1, 0, 0, 0, 0).value == i + 1);
  }
}

void CallInner(uint64_t calls) {
  for (uint64_t i = 0; i < calls; ++i) {
    Must(call(inner, &kInnerAdd, i, 1, 0, 0, 0, 0).value == i + 1);
  }
}
BULKHEAD_GATE(kCallInner, "vault", CallInner);

void CallFromVault(uint64_t calls) {
  Must(call(vault, &kCallInner, calls, 0, 0, 0, 0, 0).status == BH_OK);
}

void CallSandbox(uint64_t calls) {
  for (uint64_t i = 0; i < calls; ++i) {
    Must(call(sandbox, &kSandboxAdd, i, 1, 0, 0, 0, 0).value == i + 1);
  }
}

// Inside, where Fail() could not say anything.
uint64_t CallBack(uint64_t calls, uint64_t, uint64_t, uint64_t, uint64_t,
                  uint64_t) {
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < calls; ++i) {
    if (call({0, 0}, &kRootAdd, i, 1, 0, 0, 0, 0).value != i + 1) ++wrong;
  }
  return wrong;
}
BULKHEAD_GATE(kCallBack, "sandbox", CallBack);

void CallFromSandbox(uint64_t calls) {
  const bh_result wrong = call(sandbox, &kCallBack, calls, 0, 0, 0, 0, 0);
  Must(wrong.status == BH_OK && wrong.value == 0);
}

void OpenScopes(uint64_t calls) {
  for (uint64_t i = 0; i < calls; ++i) {
    Must(with_scope(vault, DoNothing, nullptr) == BH_OK);
  }
}

struct Pair {
  const char* name;
  const char* what;
  void (*calls)(uint64_t);
};

// Every kind of gate that is measured. The first is what the loop costs.
constexpr Pair kPairs[] = {
    {"direct", "a call without a gate", CallDirectly},
    {"root-vault", "root to vault to root", CallVault},
    {"vault-vault", "from within a vault to another and back", CallFromVault},
    {"root-scope", "root into a scope and back", OpenScopes},
    {"root-sandbox", "root to sandbox to root", CallSandbox},
    {"sandbox-root", "from within a sandbox to the root and back",
     CallFromSandbox},
};

const char* ReadText(int argc, char** argv, const char* option) {
  const size_t length = strlen(option);
  for (int i = 1; i < argc; ++i) {
    if (strncmp(argv[i], option, length) == 0) return argv[i] + length;
  }
  fprintf(stderr, "calls: no %s\n", option);
  exit(2);
}

uint64_t ReadNumber(int argc, char** argv, const char* option) {
  return strtoull(ReadText(argc, argv, option), nullptr, 10);
}

const Pair& FindPair(const char* name) {
  for (const Pair& pair : kPairs) {
    if (strcmp(pair.name, name) == 0) return pair;
  }
  Fail("there is no such pair");
}

bh_compartment Create(const char* name, bh_kind kind = BH_KIND_VAULT) {
  bh_options options = {};
  options.kind = kind;
  options.scopes = kind == BH_KIND_VAULT ? BH_ON : BH_OFF;
  bh_compartment created;
  const bh_status status = create(name, &options, __start_bulkhead_gates,
                                  __stop_bulkhead_gates, &created);
  if (status != BH_OK) Fail("a compartment could not be created");
  return created;
}

struct Time {
  double seconds;
  uint64_t cycles;
};

Time Measure(const Pair& pair, uint64_t calls, uint64_t threads) {
  std::atomic<uint64_t> waiting = threads;
  std::vector<Time> times(threads);
  std::vector<std::thread> running;
  for (Time& time : times) {
    running.emplace_back([&] {
      pair.calls(kWarmUp);
      --waiting;
      while (waiting != 0) std::this_thread::yield();
      const auto begin = std::chrono::steady_clock::now();
      const uint64_t cycles = __rdtsc();
      pair.calls(calls);
      time.cycles = __rdtsc() - cycles;
      time.seconds = std::chrono::duration<double>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
    });
  }
  for (std::thread& thread : running) thread.join();
  return *std::max_element(
      times.begin(), times.end(),
      [](const Time& a, const Time& b) { return a.seconds < b.seconds; });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--pairs") == 0) {
    for (const Pair& pair : kPairs) printf("%s\t%s\n", pair.name, pair.what);
    return 0;
  }
  const Pair& pair = FindPair(ReadText(argc, argv, "--pair="));
  const uint64_t calls = ReadNumber(argc, argv, "--calls=");
  const uint64_t mebibytes = ReadNumber(argc, argv, "--mebibytes=");
  const uint64_t threads = ReadNumber(argc, argv, "--threads=");
  const uint64_t others = ReadNumber(argc, argv, "--others=");
  if (calls == 0 || threads == 0) Fail("nothing to do");
  Find("bh_create_with_gates", create);
  Find("bh_call", call);
  Find("bh_with_scope", with_scope);
  Find("bh_allow", allow);
  vault = Create("vault");
  inner = Create("inner");
  for (uint64_t i = 0; i < others; ++i) {
    char name[32];
    snprintf(name, sizeof(name), "other%d", static_cast<int>(i));
    Create(name);
  }
  if (pair.calls == CallSandbox || pair.calls == CallFromSandbox) {
    sandbox = Create("sandbox", BH_KIND_SANDBOX);
    Must(allow(sandbox, &kRootAdd) == BH_OK);
    Must(call(sandbox, &kSandboxFill, mebibytes, 0, 0, 0, 0, 0).value == 1);
  } else {
    const bool nested = pair.calls == CallFromVault;
    Must(call(nested ? inner : vault, nested ? &kInnerFill : &kFill, mebibytes,
              0, 0, 0, 0, 0)
             .value == 1);
  }
  const Time time = Measure(pair, calls, threads);
  printf("seconds=%.9f cycles=%.1f\n", time.seconds,
         static_cast<double>(time.cycles) / static_cast<double>(calls));
  return 0;
}
