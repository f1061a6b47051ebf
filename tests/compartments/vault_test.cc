// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Vaults in use: gates, heaps, nesting, threads, the end.

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"

namespace {

using bulkhead::Compartment;

int Add(int a, int b) { return a + b; }
BULKHEAD_ENTRY(kAdd, "vault", Add);

double Scale(double value, float factor) { return value * factor; }
BULKHEAD_ENTRY(kScale, "vault", Scale);

uint64_t Sum6(uint8_t a, int16_t b, uint32_t c, int64_t d, bool e, char f) {
  return a + static_cast<uint64_t>(b) + c + static_cast<uint64_t>(d) + e +
         static_cast<uint64_t>(f);
}
BULKHEAD_ENTRY(kSum6, "vault", Sum6);

char* secret = nullptr;

void Keep(const char* text) { secret = strdup(text); }
BULKHEAD_ENTRY(kKeep, "vault", Keep);

bool Matches(const char* text) { return strcmp(secret, text) == 0; }
BULKHEAD_ENTRY(kMatches, "vault", Matches);

void Drop() {
  free(secret);
  secret = nullptr;
}
BULKHEAD_ENTRY(kDrop, "vault", Drop);

uint32_t CurrentId() { return bh_current().id; }
BULKHEAD_ENTRY(kCurrentId, "vault", CurrentId);
BULKHEAD_ENTRY(kOtherCurrentId, "other", CurrentId);

uintptr_t StackAddress() {
  char local = 0;
  __asm__ volatile("" : : "r"(&local) : "memory");
  auto address = reinterpret_cast<uintptr_t>(&local);
  return address;
}
BULKHEAD_ENTRY(kStackAddress, "vault", StackAddress);

void* AllocateInside(size_t size) { return malloc(size); }
BULKHEAD_ENTRY(kAllocateInside, "vault", AllocateInside);

void FreeInside(void* pointer) { free(pointer); }
BULKHEAD_ENTRY(kFreeInside, "vault", FreeInside);

// Goes from one vault to the other and back, `depth` times.
uint64_t PingPong(uint32_t depth, uint32_t own_index);
BULKHEAD_ENTRY(kPing, "vault", PingPong);
BULKHEAD_ENTRY(kPong, "other", PingPong);

Compartment vaults[2] = {Compartment({0, 0}), Compartment({0, 0})};

uint64_t PingPong(uint32_t depth, uint32_t own_index) {
  if (bh_current().id != vaults[own_index].handle().id) abort();
  void* block = malloc(40);
  if (bh_owner(block).id != vaults[own_index].handle().id) abort();
  uint64_t deeper = 0;
  if (depth > 0) {
    const uint32_t next = own_index ^ 1;
    const auto result = next == 0 ? vaults[0].Call(kPing, depth - 1, next)
                                  : vaults[1].Call(kPong, depth - 1, next);
    if (!result.ok()) {
      free(block);
      return result.status().code() == absl::StatusCode::kResourceExhausted
                 ? 1000000
                 : 2000000;
    }
    deeper = *result;
  }
  if (bh_current().id != vaults[own_index].handle().id) abort();
  free(block);
  return deeper + 1;
}

uint64_t Recurse(uint32_t depth) {
  volatile char frame[512];
  memset(const_cast<char*>(frame), static_cast<int>(depth), sizeof(frame));
  const char mine = static_cast<char>(depth);
  if (depth > 0) {
    bh_compartment vault;
    if (bh_find("vault", &vault) != BH_OK) abort();
    extern const bulkhead::Gate<uint64_t (*)(uint32_t)>& recurse_gate;
    const auto result = Compartment(vault).Call(recurse_gate, depth - 1);
    if (!result.ok() || *result != depth - 1) abort();
  }
  for (char byte : const_cast<const char(&)[512]>(frame)) {
    if (byte != mine) abort();
  }
  return depth;
}
BULKHEAD_ENTRY(kRecurse, "vault", Recurse);
const bulkhead::Gate<uint64_t (*)(uint32_t)>& recurse_gate = kRecurse;

class VaultTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = Compartment::Create("vault");
    ASSERT_TRUE(made.ok()) << made.status();
    vault = *made;
  }
  void TearDown() override {
    if (bh_name(vault.handle()) != nullptr) {
      EXPECT_EQ(vault.Destroy(), absl::OkStatus());
    }
  }
  Compartment vault{bh_compartment{0, 0}};
};

TEST_F(VaultTest, CallsPassArgumentsAndResults) {
  EXPECT_EQ(vault.Call(kAdd, 40, 2).value(), 42);
  EXPECT_EQ(vault.Call(kAdd, -40, -2).value(), -42);
  EXPECT_DOUBLE_EQ(vault.Call(kScale, 1.5, 2.0f).value(), 3.0);
  EXPECT_EQ(
      vault.Call(kSum6, uint8_t{1}, int16_t{2}, 3u, int64_t{4}, true, char{5})
          .value(),
      16u);
}

TEST_F(VaultTest, StateLivesInTheVault) {
  ASSERT_EQ(vault.Call(kKeep, "correct horse"), absl::OkStatus());
  EXPECT_EQ(bh_owner(secret).id, vault.handle().id);
  EXPECT_TRUE(vault.Call(kMatches, "correct horse").value());
  EXPECT_FALSE(vault.Call(kMatches, "wrong").value());
  EXPECT_EQ(vault.Call(kDrop), absl::OkStatus());
}

TEST_F(VaultTest, TheCurrentCompartmentFollowsTheGate) {
  EXPECT_EQ(bh_current().id, 0u);
  EXPECT_EQ(vault.Call(kCurrentId).value(), vault.handle().id);
  EXPECT_EQ(bh_current().id, 0u);
}

TEST_F(VaultTest, EntriesRunOnTheVaultsStack) {
  const uintptr_t address = vault.Call(kStackAddress).value();
  EXPECT_EQ(bh_owner(reinterpret_cast<void*>(address)).id, vault.handle().id);
}

TEST_F(VaultTest, FreeGoesByAddress) {
  void* outside = malloc(100);
  EXPECT_EQ(bh_owner(outside).id, 0u);
  EXPECT_EQ(vault.Call(kFreeInside, outside), absl::OkStatus());
  void* inside = vault.Call(kAllocateInside, 100).value();
  EXPECT_EQ(bh_owner(inside).id, vault.handle().id);
  EXPECT_EQ(vault.Call(kFreeInside, inside), absl::OkStatus());
}

TEST_F(VaultTest, AllocatesFromOutside) {
  void* block = vault.Allocate(1000);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(bh_owner(block).id, vault.handle().id);
  EXPECT_EQ(vault.Call(kFreeInside, block), absl::OkStatus());
}

TEST_F(VaultTest, ChecksRangesForItsEntries) {
  char outside[64];
  char* inside = static_cast<char*>(vault.Call(kAllocateInside, 64).value());
  EXPECT_TRUE(vault.Outside(outside, sizeof(outside)));
  EXPECT_FALSE(vault.Outside(inside, 1));
  EXPECT_FALSE(vault.Outside(inside - 1, 2));
  EXPECT_FALSE(vault.Outside(nullptr, UINTPTR_MAX));
  EXPECT_FALSE(vault.Outside(outside, SIZE_MAX));
  EXPECT_EQ(vault.Call(kFreeInside, static_cast<void*>(inside)),
            absl::OkStatus());
}

TEST_F(VaultTest, NestsBetweenVaults) {
  auto other = Compartment::Create("other");
  ASSERT_TRUE(other.ok()) << other.status();
  vaults[0] = vault;
  vaults[1] = *other;
  EXPECT_EQ(vault.Call(kPing, 10u, 0u).value(), 11u);
  // Deeper than the frame stack: a status that passes through every level.
  EXPECT_GE(vault.Call(kPing, 100u, 0u).value(), 1000000u);
  EXPECT_LT(vault.Call(kPing, 100u, 0u).value(), 2000000u);
  EXPECT_EQ(bh_current().id, 0u);
  EXPECT_EQ(other->Destroy(), absl::OkStatus());
}

TEST_F(VaultTest, RecursesIntoItself) {
  EXPECT_EQ(vault.Call(kRecurse, 8u).value(), 8u);
}

TEST_F(VaultTest, ManyThreadsAtOnce) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        if (vault.Call(kAdd, t, i).value() != t + i) return;
        void* inside = vault.Call(kAllocateInside, 64).value();
        if (bh_owner(inside).id != vault.handle().id) return;
        if (!vault.Call(kFreeInside, inside).ok()) return;
      }
      ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
}

TEST_F(VaultTest, ThreadsStartInTheRootDomain) {
  uint32_t current = 99;
  std::thread([&] { current = bh_current().id; }).join();
  EXPECT_EQ(current, 0u);
}

TEST_F(VaultTest, RefusesGatesOfOthers) {
  const auto result = vault.Call(kOtherCurrentId);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(result.status().message().find("BULKHEAD_GATE"), std::string::npos);
}

TEST_F(VaultTest, RefusesCallsAfterDestroy) {
  ASSERT_EQ(vault.Destroy(), absl::OkStatus());
  EXPECT_EQ(vault.Call(kAdd, 1, 2).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(vault.Destroy().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(vault.Allocate(8), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(vault.name(), "(destroyed)");
}

TEST_F(VaultTest, OldHandlesDoNotReachASuccessor) {
  const Compartment old = vault;
  ASSERT_EQ(vault.Destroy(), absl::OkStatus());
  auto made = Compartment::Create("vault");
  ASSERT_TRUE(made.ok());
  vault = *made;
  EXPECT_EQ(vault.handle().id, old.handle().id);
  EXPECT_FALSE(old.Call(kAdd, 1, 2).ok());
  EXPECT_TRUE(vault.Call(kAdd, 1, 2).ok());
  // Now that the thread has a stack there.
  EXPECT_FALSE(old.Call(kAdd, 1, 2).ok());
}

TEST_F(VaultTest, NamesAreChecked) {
  EXPECT_EQ(Compartment::Create("").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Compartment::Create("a b").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Compartment::Create(std::string(32, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Compartment::Create("vault").status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Compartment::Create("root").status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Compartment::Find("vault").ok());
  EXPECT_EQ(Compartment::Find("nobody").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(VaultTest, OptionsAreChecked) {
  bh_options options = {};
  options.kind = static_cast<bh_kind>(7);
  EXPECT_EQ(Compartment::Create("bad", options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = {};
  options.stack_bytes = 1;
  EXPECT_EQ(Compartment::Create("bad", options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = {};
  options.wipe = static_cast<bh_switch>(9);
  EXPECT_EQ(Compartment::Create("bad", options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(VaultTest, MoreThanTheKeysIsAStatus) {
  std::vector<Compartment> made;
  absl::Status last;
  for (int i = 0; i < 100 && last.ok(); ++i) {
    auto next = Compartment::Create("c" + std::to_string(i));
    last = next.status();
    if (next.ok()) made.push_back(*next);
  }
  EXPECT_EQ(last.code(), absl::StatusCode::kResourceExhausted) << last;
  EXPECT_GE(made.size(), 7u);
  for (const Compartment& compartment : made) {
    EXPECT_EQ(compartment.Destroy(), absl::OkStatus());
  }
  auto again = Compartment::Create("again");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Destroy(), absl::OkStatus());
}

TEST_F(VaultTest, ScopesMustBeAllowed) {
  bool ran = false;
  EXPECT_EQ(vault.WithScope([&] { ran = true; }).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(ran);
  bh_options options = {};
  options.scopes = BH_ON;
  auto open = Compartment::Create("open", options);
  ASSERT_TRUE(open.ok());
  int value = 0;
  EXPECT_EQ(open->WithScope([&] {
    int* inside = static_cast<int*>(malloc(sizeof(int)));
    *inside = 7;
    value =
        *inside + static_cast<int>(bh_owner(inside).id == open->handle().id);
    free(inside);
  }),
            absl::OkStatus());
  EXPECT_EQ(value, 8);
  EXPECT_EQ(bh_current().id, 0u);
  EXPECT_EQ(open->Destroy(), absl::OkStatus());
}

TEST_F(VaultTest, ScopesNestWithGates) {
  bh_options options = {};
  options.scopes = BH_ON;
  auto open = Compartment::Create("open", options);
  ASSERT_TRUE(open.ok());
  uint32_t in_vault = 0, after = 0;
  EXPECT_EQ(open->WithScope([&] {
    in_vault = vault.Call(kCurrentId).value();
    after = bh_current().id;
  }),
            absl::OkStatus());
  EXPECT_EQ(in_vault, vault.handle().id);
  EXPECT_EQ(after, open->handle().id);
  EXPECT_EQ(open->Destroy(), absl::OkStatus());
}

std::atomic<bool> inside{false};
std::atomic<bool> leave{false};
void Wait() {
  inside = true;
  while (!leave) std::this_thread::yield();
}
BULKHEAD_ENTRY(kWait, "vault", Wait);

TEST_F(VaultTest, IsNotDestroyedUnderAThread) {
  std::thread visitor([&] { EXPECT_EQ(vault.Call(kWait), absl::OkStatus()); });
  while (!inside) std::this_thread::yield();
  EXPECT_EQ(vault.Destroy().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(vault.Call(kAdd, 1, 1).value(), 2);
  leave = true;
  visitor.join();
  EXPECT_EQ(vault.Destroy(), absl::OkStatus());
}

TEST_F(VaultTest, DestroyRacesWithCalls) {
  for (int round = 0; round < 30; ++round) {
    std::atomic<bool> stop{false};
    std::thread caller([&] {
      while (!stop) {
        const auto result = vault.Call(kAdd, 1, 1);
        if (!result.ok()) {
          EXPECT_EQ(result.status().code(),
                    absl::StatusCode::kFailedPrecondition);
          break;
        }
        EXPECT_EQ(*result, 2);
      }
    });
    while (!vault.Destroy().ok()) std::this_thread::yield();
    stop = true;
    caller.join();
    auto made = Compartment::Create("vault");
    ASSERT_TRUE(made.ok()) << made.status();
    vault = *made;
  }
}

}  // namespace
