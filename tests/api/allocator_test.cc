// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// bulkhead::Allocator under the containers of the standard library.

#include "bulkhead/allocator.h"

#include <csignal>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <scoped_allocator>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/api/inside.h"
#include "tests/api/vault_fixture.h"
#include "tests/support/child.h"

namespace {

using bulkhead::Allocator;
using bulkhead::Compartment;
using bulkhead_test::ChildResult;
using bulkhead_test::kAllGood;
using bulkhead_test::KeepWrites;
using bulkhead_test::Own;
using bulkhead_test::OwnerOf;
using bulkhead_test::Root;
using bulkhead_test::RunInChild;

template <typename T>
using Vector = std::vector<T, Allocator<T>>;
using String = std::basic_string<char, std::char_traits<char>, Allocator<char>>;
using Traits = std::allocator_traits<Allocator<int>>;

static_assert(!Traits::propagate_on_container_copy_assignment::value);
static_assert(!Traits::propagate_on_container_move_assignment::value);
static_assert(!Traits::propagate_on_container_swap::value);
static_assert(!Traits::is_always_equal::value);
static_assert(std::is_same_v<Traits::rebind_alloc<char>, Allocator<char>>);
static_assert(std::is_nothrow_copy_constructible_v<Allocator<int>>);
static_assert(std::is_nothrow_constructible_v<Allocator<int>, Allocator<char>>);
static_assert(!std::is_convertible_v<Compartment, Allocator<int>>);
static_assert(!std::is_default_constructible_v<Allocator<int>>);

// Too long for a string to hold by itself.
constexpr char kLong[] = "a text that is longer than what fits into a string";

const char* FillContainers() {
  const Allocator<int> own(Own());
  Vector<int> numbers(own);
  std::deque<int, Allocator<int>> queue(own);
  std::list<int, Allocator<int>> list(own);
  for (int i = 0; i < 10000; ++i) {
    numbers.push_back(i);
    queue.push_back(i);
    list.push_front(i);
    EXPECT_INSIDE(OwnerOf(&numbers.back()) == Own());
    EXPECT_INSIDE(OwnerOf(&queue.back()) == Own());
    EXPECT_INSIDE(OwnerOf(&list.front()) == Own());
  }
  for (int i = 0; i < 10000; ++i) {
    EXPECT_INSIDE(numbers[static_cast<size_t>(i)] == i);
    EXPECT_INSIDE(queue[static_cast<size_t>(i)] == i);
  }
  const String text(kLong, own);
  EXPECT_INSIDE(OwnerOf(text.data()) == Own());
  EXPECT_INSIDE(text == kLong);
  return kAllGood;
}
BULKHEAD_ENTRY(kFillContainers, "vault", FillContainers);

const char* FillMaps() {
  using Pair = std::pair<const String, int>;
  using Scoped = std::scoped_allocator_adaptor<Allocator<Pair>>;
  const Allocator<Pair> own(Own());
  std::map<String, int, std::less<>, Scoped> sorted(own);
  std::unordered_map<int, int, std::hash<int>, std::equal_to<>,
                     Allocator<std::pair<const int, int>>>
      hashed(own);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = kLong + std::to_string(i);
    sorted[String(key, own)] = i;
    hashed[i] = i;
  }
  EXPECT_INSIDE(sorted.size() == 1000 && hashed.size() == 1000);
  for (const auto& [key, value] : sorted) {
    EXPECT_INSIDE(OwnerOf(&value) == Own());
    EXPECT_INSIDE(OwnerOf(key.data()) == Own());
  }
  for (const auto& [key, value] : hashed) {
    EXPECT_INSIDE(OwnerOf(&value) == Own());
    EXPECT_INSIDE(key == value);
  }
  sorted.erase(sorted.begin(), sorted.find(String(kLong, own) + "5"));
  EXPECT_INSIDE(sorted.begin()->second == 5);
  return kAllGood;
}
BULKHEAD_ENTRY(kFillMaps, "vault", FillMaps);

const char* Share() {
  const auto shared = std::allocate_shared<int>(Allocator<char>(Own()), 42);
  EXPECT_INSIDE(*shared == 42 && OwnerOf(shared.get()) == Own());
  return kAllGood;
}
BULKHEAD_ENTRY(kShare, "vault", Share);

template <size_t kAlignment>
struct alignas(kAlignment) Aligned {
  char bytes[kAlignment];
};

template <size_t kAlignment>
bool IsAligned() {
  Vector<Aligned<kAlignment>> vector{Allocator<char>(Own())};
  for (int i = 0; i < 20; ++i) {
    vector.emplace_back();
    const auto address = reinterpret_cast<uintptr_t>(vector.data());
    if (address % kAlignment != 0 || OwnerOf(vector.data()) != Own()) {
      return false;
    }
  }
  return true;
}

const char* Align() {
  EXPECT_INSIDE(IsAligned<1>());
  EXPECT_INSIDE(IsAligned<8>());
  EXPECT_INSIDE(IsAligned<32>());
  EXPECT_INSIDE(IsAligned<64>());
  EXPECT_INSIDE(IsAligned<4096>());
  EXPECT_INSIDE(IsAligned<65536>());
  return kAllGood;
}
BULKHEAD_ENTRY(kAlign, "vault", Align);

// A container of the caller's, grown inside.
const char* Grow(Vector<int>* numbers) {
  for (int i = 0; i < 1000; ++i) numbers->push_back(i);
  EXPECT_INSIDE(OwnerOf(numbers->data()) == Root());
  return kAllGood;
}
BULKHEAD_ENTRY(kGrow, "vault", Grow);

// Runs in another vault, called from the one that owns the container.
const char* GrowFromAnother(Vector<int>* numbers) {
  const Compartment home = OwnerOf(numbers);
  EXPECT_INSIDE(home != Own());
  for (int i = 0; i < 1000; ++i) numbers->push_back(i);
  EXPECT_INSIDE(OwnerOf(numbers->data()) == home);
  numbers->clear();
  numbers->shrink_to_fit();
  return kAllGood;
}
BULKHEAD_ENTRY(kGrowFromAnother, "other", GrowFromAnother);

const char* CallAnother(bh_compartment other) {
  const auto numbers = std::make_unique<Vector<int>>(Allocator<int>(Own()));
  return Compartment(other).Call(kGrowFromAnother, numbers.get()).value();
}
BULKHEAD_ENTRY(kCallAnother, "vault", CallAnother);

const char* Assign() {
  const String outside(kLong, Allocator<char>(Root()));
  EXPECT_INSIDE(OwnerOf(outside.data()) == Root());
  String copied{Allocator<char>(Own())};
  copied = outside;
  EXPECT_INSIDE(OwnerOf(copied.data()) == Own() && copied == kLong);
  const String copy = copied;
  EXPECT_INSIDE(OwnerOf(copy.data()) == Own() && copy == kLong);

  Vector<int> source({1, 2, 3}, Allocator<int>(Root()));
  Vector<int> target{Allocator<int>(Own())};
  target = std::move(source);
  EXPECT_INSIDE(OwnerOf(target.data()) == Own() && target.size() == 3);
  const int* elements = target.data();
  const Vector<int> moved = std::move(target);
  EXPECT_INSIDE(moved.data() == elements);

  Vector<int> left({1}, Allocator<int>(Own()));
  Vector<int> right({2}, Allocator<int>(Own()));
  std::swap(left, right);
  EXPECT_INSIDE(left[0] == 2 && right[0] == 1);
  return kAllGood;
}
BULKHEAD_ENTRY(kAssign, "vault", Assign);

const char* FailInside() {
  try {
    static_cast<void>(Allocator<char>(Own()).allocate(PTRDIFF_MAX));
  } catch (const std::bad_alloc&) {
    return kAllGood;
  }
  return "no exception";
}
BULKHEAD_ENTRY(kFailInside, "vault", FailInside);

void Free(int* memory) { Allocator<int>(Own()).deallocate(memory, 1); }
BULKHEAD_ENTRY(kFree, "vault", Free);

class AllocatorTest : public bulkhead_test::VaultFixture {};

TEST_F(AllocatorTest, ContainersLieInside) {
  EXPECT_STREQ(vault.Call(kFillContainers).value(), kAllGood);
  EXPECT_STREQ(vault.Call(kFillMaps).value(), kAllGood);
  EXPECT_STREQ(vault.Call(kShare).value(), kAllGood);
}

TEST_F(AllocatorTest, TypesAreAligned) {
  EXPECT_STREQ(vault.Call(kAlign).value(), kAllGood);
}

// Blocks that threads have, caches included.
uint64_t BlocksOut(Compartment compartment) {
  bh_heap_stats stats;
  EXPECT_EQ(bh_get_heap_stats(compartment.handle(), &stats), BH_OK);
  return stats.allocations - stats.frees;
}

TEST_F(AllocatorTest, GivesEverythingBack) {
  ASSERT_STREQ(vault.Call(kFillContainers).value(), kAllGood);
  ASSERT_STREQ(vault.Call(kAlign).value(), kAllGood);
  const uint64_t before = BlocksOut(vault);
  for (int i = 0; i < 20; ++i) {
    ASSERT_STREQ(vault.Call(kFillContainers).value(), kAllGood);
    ASSERT_STREQ(vault.Call(kAlign).value(), kAllGood);
  }
  // A cache may grow, by less than what one round took.
  EXPECT_LT(BlocksOut(vault), before + 1000);
}

TEST_F(AllocatorTest, TheRootsContainerGrowsInTheRoot) {
  Vector<int> numbers{Allocator<int>(Root())};
  EXPECT_STREQ(vault.Call(kGrow, &numbers).value(), kAllGood);
  ASSERT_EQ(numbers.size(), 1000u);
  EXPECT_EQ(numbers[999], 999);
  numbers.resize(100000);
}

TEST_F(AllocatorTest, AVaultsContainerGrowsThereFromAnotherVault) {
  auto other = Compartment::Create("other");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_STREQ(vault.Call(kCallAnother, other->handle()).value(), kAllGood);
  EXPECT_EQ(other->Destroy(), absl::OkStatus());
}

TEST_F(AllocatorTest, AContainerStaysInItsCompartment) {
  EXPECT_STREQ(vault.Call(kAssign).value(), kAllGood);
}

TEST_F(AllocatorTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back(
        [this] { EXPECT_STREQ(vault.Call(kFillMaps).value(), kAllGood); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(AllocatorTest, InAScopeTheMemoryCanBeUsed) {
  bh_options options = {};
  options.scopes = BH_ON;
  auto open = Compartment::Create("open", options);
  ASSERT_TRUE(open.ok()) << open.status();
  bool good = false;
  EXPECT_EQ(open->WithScope([&] {
    const Vector<int> numbers(1000, 7, Allocator<int>(*open));
    good = OwnerOf(numbers.data()) == *open && numbers[999] == 7;
  }),
            absl::OkStatus());
  EXPECT_TRUE(good);
  EXPECT_EQ(open->Destroy(), absl::OkStatus());
}

TEST_F(AllocatorTest, OutsideTheMemoryIsOutOfReach) {
  Allocator<int> allocator(vault);
  int* memory = allocator.allocate(1);
  EXPECT_EQ(OwnerOf(memory), vault);
  const ChildResult write = RunInChild([&] {
    Vector<int> numbers(allocator);
    numbers.push_back(1);
    KeepWrites();
  });
  EXPECT_TRUE(write.DiedOf(SIGABRT));
  EXPECT_NE(write.errors.find("ERROR: Bulkhead: compartment-write on"),
            std::string::npos)
      << write.errors;
  const ChildResult free = RunInChild([&] { allocator.deallocate(memory, 1); });
  EXPECT_TRUE(free.DiedOf(SIGABRT));
  EXPECT_NE(free.errors.find("ERROR: Bulkhead: foreign-free on"),
            std::string::npos)
      << free.errors;
  EXPECT_EQ(vault.Call(kFree, memory), absl::OkStatus());
}

TEST_F(AllocatorTest, ADestroyedCompartmentIsBadAlloc) {
  Allocator<int> allocator(vault);
  ASSERT_EQ(vault.Destroy(), absl::OkStatus());
  EXPECT_THROW(static_cast<void>(allocator.allocate(1)), std::bad_alloc);
  auto made = Compartment::Create("vault");
  ASSERT_TRUE(made.ok()) << made.status();
  vault = *made;
  EXPECT_THROW(static_cast<void>(allocator.allocate(1)), std::bad_alloc);
  EXPECT_NE(allocator, Allocator<int>(vault));
}

TEST_F(AllocatorTest, TooMuchIsBadAlloc) {
  EXPECT_STREQ(vault.Call(kFailInside).value(), kAllGood);
  for (const Compartment& compartment : {vault, Root()}) {
    Allocator<char> bytes(compartment);
    EXPECT_THROW(static_cast<void>(bytes.allocate(SIZE_MAX)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(bytes.allocate(bytes.max_size())),
                 std::bad_alloc);
    Allocator<Aligned<65536>> pages(compartment);
    EXPECT_THROW(static_cast<void>(pages.allocate(pages.max_size())),
                 std::bad_alloc);
  }
}

TEST_F(AllocatorTest, TooManyAreBadArrayNewLength) {
  Allocator<uint64_t> allocator(vault);
  EXPECT_EQ(allocator.max_size(), size_t{PTRDIFF_MAX} / 8);
  EXPECT_THROW(static_cast<void>(allocator.allocate(SIZE_MAX / 8 + 1)),
               std::bad_array_new_length);
  EXPECT_THROW(static_cast<void>(allocator.allocate(SIZE_MAX)),
               std::bad_array_new_length);
  Vector<uint64_t> vector(allocator);
  EXPECT_EQ(vector.max_size(), allocator.max_size());
  EXPECT_THROW(vector.reserve(vector.max_size() + 1), std::length_error);
}

TEST_F(AllocatorTest, NoObjectsAreABlockToo) {
  Allocator<int> allocator(vault);
  int* none = allocator.allocate(0);
  int* another = allocator.allocate(0);
  EXPECT_NE(none, nullptr);
  EXPECT_NE(none, another);
  EXPECT_EQ(vault.Call(kFree, none), absl::OkStatus());
  EXPECT_EQ(vault.Call(kFree, another), absl::OkStatus());
}

TEST_F(AllocatorTest, EqualMeansTheSameCompartment) {
  const Allocator<int> allocator(vault);
  const Allocator<char> rebound(allocator);
  EXPECT_EQ(allocator, rebound);
  EXPECT_EQ(rebound.compartment(), vault);
  EXPECT_EQ(allocator, Allocator<int>(vault));
  EXPECT_NE(allocator, Allocator<int>(Root()));
  EXPECT_NE(vault, Root());
  EXPECT_EQ(Root(), Own());
}

}  // namespace
