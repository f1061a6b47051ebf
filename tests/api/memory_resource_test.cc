// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// bulkhead::MemoryResource under std::pmr containers.

#include "bulkhead/memory_resource.h"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/api/inside.h"
#include "tests/api/vault_fixture.h"
#include "tests/support/child.h"

namespace {

using bulkhead::Compartment;
using bulkhead::MemoryResource;
using bulkhead_test::ChildResult;
using bulkhead_test::kAllGood;
using bulkhead_test::KeepWrites;
using bulkhead_test::Own;
using bulkhead_test::OwnerOf;
using bulkhead_test::Root;
using bulkhead_test::RunInChild;

// Too long for a string to hold by itself.
constexpr char kLong[] = "a text that is longer than what fits into a string";

// What a vault keeps, the resource included.
struct Store {
  MemoryResource heap;
  std::pmr::map<std::pmr::string, std::pmr::vector<std::pmr::string>> texts{
      &heap};
};

Store* Open() { return new Store{MemoryResource(Own())}; }
BULKHEAD_ENTRY(kOpen, "vault", Open);

const char* Keep(Store* store, const char* key) {
  EXPECT_INSIDE(OwnerOf(store) == Own());
  auto& texts = store->texts[std::pmr::string(key, &store->heap)];
  texts.emplace_back(kLong);
  EXPECT_INSIDE(OwnerOf(&texts) == Own());
  EXPECT_INSIDE(OwnerOf(texts.data()) == Own());
  EXPECT_INSIDE(OwnerOf(texts.back().data()) == Own());
  EXPECT_INSIDE(OwnerOf(store->texts.begin()->first.data()) == Own());
  return kAllGood;
}
BULKHEAD_ENTRY(kKeep, "vault", Keep);

size_t Count(const Store* store) {
  size_t count = 0;
  for (const auto& [key, texts] : store->texts) count += texts.size();
  return count;
}
BULKHEAD_ENTRY(kCount, "vault", Count);

void Close(Store* store) { delete store; }
BULKHEAD_ENTRY(kClose, "vault", Close);

const char* Stack() {
  MemoryResource heap(Own());
  std::pmr::unsynchronized_pool_resource pool(&heap);
  std::pmr::monotonic_buffer_resource buffer(&pool);
  for (std::pmr::memory_resource* resource :
       {static_cast<std::pmr::memory_resource*>(&pool),
        static_cast<std::pmr::memory_resource*>(&buffer)}) {
    std::pmr::vector<std::pmr::string> texts(resource);
    for (int i = 0; i < 1000; ++i) {
      texts.emplace_back(kLong);
      EXPECT_INSIDE(OwnerOf(texts.back().data()) == Own());
    }
  }
  return kAllGood;
}
BULKHEAD_ENTRY(kStack, "vault", Stack);

// What a scan of memory would see.
bool IsZero(uintptr_t address) {
  return *reinterpret_cast<const volatile char*>(address) == 0;
}

const char* FreeIntoPool() {
  constexpr size_t kSize = 100;
  MemoryResource heap(Own());
  std::pmr::unsynchronized_pool_resource pool(&heap);
  auto* block = static_cast<char*>(pool.allocate(kSize));
  const auto address = reinterpret_cast<uintptr_t>(block);
  std::memset(block, 0x5a, kSize);
  KeepWrites();
  pool.deallocate(block, kSize);
  EXPECT_INSIDE(!IsZero(address + kSize / 2));
  pool.release();
  EXPECT_INSIDE(IsZero(address + kSize / 2));
  return kAllGood;
}
BULKHEAD_ENTRY(kFreeIntoPool, "vault", FreeIntoPool);

const char* Align() {
  MemoryResource heap(Own());
  for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 2) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{24}, alignment}) {
      void* block = heap.allocate(size, alignment);
      EXPECT_INSIDE(reinterpret_cast<uintptr_t>(block) % alignment == 0);
      EXPECT_INSIDE(OwnerOf(block) == Own());
      heap.deallocate(block, size, alignment);
      // As free() does, too.
      free(heap.allocate(size, alignment));
    }
  }
  return kAllGood;
}
BULKHEAD_ENTRY(kAlign, "vault", Align);

// A container of the caller's, filled inside.
const char* Fill(std::pmr::vector<std::pmr::string>* texts) {
  for (int i = 0; i < 100; ++i) texts->emplace_back(kLong);
  EXPECT_INSIDE(OwnerOf(texts->data()) == Root());
  EXPECT_INSIDE(OwnerOf(texts->back().data()) == Root());
  return kAllGood;
}
BULKHEAD_ENTRY(kFill, "vault", Fill);

const char* Assign() {
  MemoryResource root(Root()), own(Own());
  std::pmr::string outside(kLong, &root);
  EXPECT_INSIDE(OwnerOf(outside.data()) == Root());
  std::pmr::string inside(&own);
  inside = outside;
  EXPECT_INSIDE(OwnerOf(inside.data()) == Own() && inside == kLong);
  inside = std::move(outside);
  EXPECT_INSIDE(OwnerOf(inside.data()) == Own() && inside == kLong);

  // Equal resources are as one.
  MemoryResource same(Own());
  std::pmr::string other(&same);
  const char* text = inside.data();
  other = std::move(inside);
  EXPECT_INSIDE(other.data() == text);
  return kAllGood;
}
BULKHEAD_ENTRY(kAssign, "vault", Assign);

const char* FailInside() {
  MemoryResource heap(Own());
  try {
    static_cast<void>(heap.allocate(PTRDIFF_MAX));
  } catch (const std::bad_alloc&) {
    return kAllGood;
  }
  return "no exception";
}
BULKHEAD_ENTRY(kFailInside, "vault", FailInside);

class MemoryResourceTest : public bulkhead_test::VaultFixture {};

TEST_F(MemoryResourceTest, ContainersLieInside) {
  Store* store = vault.Call(kOpen).value();
  EXPECT_EQ(OwnerOf(store), vault);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = kLong + std::to_string(i % 100);
    ASSERT_STREQ(vault.Call(kKeep, store, key.c_str()).value(), kAllGood);
  }
  EXPECT_EQ(vault.Call(kCount, store).value(), 1000u);
  EXPECT_EQ(vault.Call(kClose, store), absl::OkStatus());
}

TEST_F(MemoryResourceTest, OtherResourcesStandOnIt) {
  EXPECT_STREQ(vault.Call(kStack).value(), kAllGood);
}

TEST_F(MemoryResourceTest, APoolKeepsWhatIsFreedIntoIt) {
  EXPECT_STREQ(vault.Call(kFreeIntoPool).value(), kAllGood);
}

TEST_F(MemoryResourceTest, BlocksAreAligned) {
  EXPECT_STREQ(vault.Call(kAlign).value(), kAllGood);
}

TEST_F(MemoryResourceTest, TheRootsContainerGrowsInTheRoot) {
  MemoryResource root(Root());
  std::pmr::vector<std::pmr::string> texts(&root);
  EXPECT_STREQ(vault.Call(kFill, &texts).value(), kAllGood);
  ASSERT_EQ(texts.size(), 100u);
  EXPECT_EQ(texts[99], kLong);
}

TEST_F(MemoryResourceTest, AContainerStaysInItsCompartment) {
  EXPECT_STREQ(vault.Call(kAssign).value(), kAllGood);
}

TEST_F(MemoryResourceTest, OutsideTheMemoryIsOutOfReach) {
  MemoryResource heap(vault);
  const ChildResult write = RunInChild([&] {
    std::pmr::vector<int> numbers(&heap);
    numbers.push_back(1);
    KeepWrites();
  });
  EXPECT_TRUE(write.DiedOf(SIGABRT));
  EXPECT_NE(write.errors.find("ERROR: Bulkhead: compartment-write on"),
            std::string::npos)
      << write.errors;
  const ChildResult free =
      RunInChild([&] { heap.deallocate(heap.allocate(100), 100); });
  EXPECT_TRUE(free.DiedOf(SIGABRT));
  EXPECT_NE(free.errors.find("ERROR: Bulkhead: foreign-free on"),
            std::string::npos)
      << free.errors;
}

TEST_F(MemoryResourceTest, ADestroyedCompartmentIsBadAlloc) {
  MemoryResource heap(vault);
  ASSERT_EQ(vault.Destroy(), absl::OkStatus());
  EXPECT_THROW(static_cast<void>(heap.allocate(1)), std::bad_alloc);
  std::pmr::vector<int> numbers(&heap);
  EXPECT_THROW(numbers.push_back(1), std::bad_alloc);
  auto made = Compartment::Create("vault");
  ASSERT_TRUE(made.ok()) << made.status();
  vault = *made;
  EXPECT_THROW(static_cast<void>(heap.allocate(1)), std::bad_alloc);
  EXPECT_FALSE(heap.is_equal(MemoryResource(vault)));
}

TEST_F(MemoryResourceTest, TooMuchIsBadAlloc) {
  EXPECT_STREQ(vault.Call(kFailInside).value(), kAllGood);
  MemoryResource heap(vault);
  for (const size_t size : {size_t{PTRDIFF_MAX}, SIZE_MAX - 1, SIZE_MAX}) {
    EXPECT_THROW(static_cast<void>(heap.allocate(size)), std::bad_alloc);
    EXPECT_THROW(static_cast<void>(heap.allocate(size, 4096)), std::bad_alloc);
  }
  size_t alignment = size_t{1} << 62;  // no constant: the compiler would refuse
  EXPECT_THROW(static_cast<void>(heap.allocate(1, alignment)), std::bad_alloc);
}

TEST_F(MemoryResourceTest, EqualMeansTheSameCompartment) {
  const MemoryResource heap(vault);
  MemoryResource copy(Root());
  copy = heap;
  EXPECT_TRUE(heap.is_equal(heap));
  EXPECT_TRUE(heap.is_equal(copy));
  EXPECT_EQ(copy.compartment(), vault);
  EXPECT_TRUE(copy == MemoryResource(vault));
  EXPECT_FALSE(heap.is_equal(MemoryResource(Root())));
  EXPECT_FALSE(heap.is_equal(*std::pmr::new_delete_resource()));
  EXPECT_FALSE(std::pmr::new_delete_resource()->is_equal(heap));
}

}  // namespace
