// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Exceptions that leave an entry: what comes out of them, and that nothing
// stays inside.

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <typeinfo>
#include <vector>

#include "bulkhead/sandbox.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/sandbox.h"
#include "tests/support/scale.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead::Sandbox;
using ::bulkhead_test::SandboxTest;
using ::bulkhead_test::Scaled;

struct OfTheProgram : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Longer than what crosses; a sandbox may read it.
const char kLongText[] =
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "x";

void Throw(int which) {
  switch (which) {
    case 0:
      throw std::runtime_error("a runtime error");
    case 1:
      throw std::range_error("a range error");
    case 2:
      throw std::overflow_error("an overflow");
    case 3:
      throw std::underflow_error("an underflow");
    case 4:
      throw std::logic_error("a logic error");
    case 5:
      throw std::domain_error("a domain error");
    case 6:
      throw std::invalid_argument("an argument");
    case 7:
      throw std::length_error("a length");
    case 8:
      throw std::out_of_range("a range");
    case 9:
      throw std::bad_alloc();
    case 10:
      throw std::bad_array_new_length();
    case 11:
      throw std::bad_cast();
    case 12:
      throw std::bad_typeid();
    case 13:
      throw std::bad_function_call();
    case 14:
      throw std::bad_weak_ptr();
    case 15:
      throw std::bad_optional_access();
    case 16:
      throw std::bad_exception();
    case 17:
      throw std::exception();
    case 18:
      throw std::runtime_error(kLongText);
    case 19:
      throw OfTheProgram("of the program");
    case 20:
      throw 7;
    case 21:
      throw std::system_error(std::make_error_code(std::errc::timed_out));
  }
}
constexpr int kFirstOther = 19;
constexpr int kAll = 22;

BULKHEAD_ENTRY(kThrow, "keys", Throw);
BULKHEAD_ENTRY(kThrowInBox, "box", Throw);

uint64_t ThrowInC() { throw std::runtime_error("from a plain gate"); }
BULKHEAD_GATE(kThrowInC, "keys", ThrowInC);

int destroyed_in = -1;
struct Witness {
  std::unique_ptr<int> block{new int(1)};
  ~Witness() { destroyed_in = static_cast<int>(bh_current().id); }
};
void ThrowBelowWitness() {
  const Witness witness;
  Throw(0);
}
BULKHEAD_ENTRY(kThrowBelowWitness, "keys", ThrowBelowWitness);

int uncaught_inside = -1;
int Count() {
  uncaught_inside = std::uncaught_exceptions();
  return uncaught_inside;
}
BULKHEAD_ENTRY(kCount, "keys", Count);

Compartment other{bh_compartment{0, 0}};
BULKHEAD_ENTRY(kThrowInOther, "other", Throw);

// Catches what the next compartment threw, and throws another.
void ThrowThroughOther() {
  try {
    other.Call(kThrowInOther, 8).IgnoreError();
  } catch (const std::out_of_range& exception) {
    throw std::length_error(std::string("instead of ") + exception.what());
  }
}
BULKHEAD_ENTRY(kThrowThroughOther, "keys", ThrowThroughOther);

int CatchInside() {
  try {
    Throw(0);
  } catch (const std::exception&) {
    return 5;
  }
  return 0;
}
BULKHEAD_ENTRY(kCatchInside, "keys", CatchInside);

void NoThrow() noexcept {}
BULKHEAD_ENTRY(kNoThrow, "keys", NoThrow);

uint64_t LiveBlocks(const Compartment& compartment) {
  bh_heap_stats stats;
  EXPECT_EQ(bh_get_heap_stats(compartment.handle(), &stats), BH_OK);
  return stats.allocations - stats.frees;
}

class ExceptionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bh_options options = {};
    options.scopes = BH_ON;
    keys = *Compartment::Create("keys", options);
    other = *Compartment::Create("other");
  }
  void TearDown() override {
    // Nobody is inside any more.
    EXPECT_TRUE(keys.Destroy().ok());
    EXPECT_TRUE(other.Destroy().ok());
  }

  Compartment keys{bh_compartment{0, 0}};
};

// What `body` throws, "TYPE: TEXT".
template <typename Body>
std::string Thrown(Body body) {
  try {
    body();
  } catch (const std::exception& exception) {
    return std::string(typeid(exception).name()) + ": " + exception.what();
  } catch (...) {
    return "something else";
  }
  return "nothing";
}

TEST_F(ExceptionsTest, OfTheStandardComeOutAsTheyWere) {
  for (int which = 0; which < kFirstOther; ++which) {
    std::string expected = Thrown([&] { Throw(which); });
    const std::string found =
        Thrown([&] { keys.Call(kThrow, which).IgnoreError(); });
    ASSERT_NE(found, "nothing") << which;
    if (which == 18) {
      EXPECT_EQ(found, expected.substr(0, found.size()));
      EXPECT_GT(found.size(), 150u);
    } else {
      EXPECT_EQ(found, expected);
    }
    EXPECT_EQ(bh_current().id, 0u);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
  }
  EXPECT_EQ(*keys.Call(kCount), 0);
}

TEST_F(ExceptionsTest, OfOthersAreAStatus) {
  for (int which = kFirstOther; which < kAll; ++which) {
    const absl::Status status = keys.Call(kThrow, which);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  }
  const std::string text(keys.Call(kThrow, 19).message());
  EXPECT_NE(text.find("Throw: "), std::string::npos) << text;
  EXPECT_NE(text.find("OfTheProgram: of the program"), std::string::npos)
      << text;
  EXPECT_NE(keys.Call(kThrow, 20).message().find("int"), std::string::npos);
}

TEST_F(ExceptionsTest, TryCallThrowsNothing) {
  for (int which = 0; which < kAll; ++which) {
    EXPECT_EQ(keys.TryCall(kThrow, which).code(), absl::StatusCode::kInternal);
  }
  EXPECT_TRUE(keys.TryCall(kThrow, kAll).ok());
}

TEST_F(ExceptionsTest, OfPlainGatesAreAStatus) {
  const bh_result result = bh_call(keys.handle(), &kThrowInC, 0, 0, 0, 0, 0, 0);
  EXPECT_EQ(result.status, BH_ERR_EXCEPTION);
  EXPECT_EQ(result.value, 0u);
}

TEST_F(ExceptionsTest, DestroyInTheirOwnDomain) {
  destroyed_in = -1;
  EXPECT_THROW(keys.Call(kThrowBelowWitness).IgnoreError(), std::runtime_error);
  EXPECT_EQ(destroyed_in, static_cast<int>(keys.handle().id));
}

TEST_F(ExceptionsTest, LeaveNothingInTheHeap) {
  const auto round = [this] {
    for (int which = 0; which < kAll; ++which) {
      keys.TryCall(kThrow, which).IgnoreError();
    }
    keys.TryCall(kThrowBelowWitness).IgnoreError();
  };
  round();
  const uint64_t before = LiveBlocks(keys);
  for (int i = 0; i < Scaled(1000); ++i) round();
  // What caches hold counts as live.
  EXPECT_LT(LiveBlocks(keys), before + 100);
}

TEST_F(ExceptionsTest, PassFromCompartmentToCompartment) {
  EXPECT_EQ(Thrown([this] { keys.Call(kThrowThroughOther).IgnoreError(); }),
            Thrown([] { throw std::length_error("instead of a range"); }));
  EXPECT_EQ(Thrown([] { other.Call(kThrowInOther, 8).IgnoreError(); }),
            Thrown([] { throw std::out_of_range("a range"); }));
}

TEST_F(ExceptionsTest, LeaveScopes) {
  EXPECT_EQ(Thrown([this] {
              keys.WithScope([] { throw std::domain_error("in a scope"); })
                  .IgnoreError();
            }),
            Thrown([] { throw std::domain_error("in a scope"); }));
  EXPECT_EQ(keys.WithScope([] { throw 1; }).code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(bh_current().id, 0u);
}

TEST_F(ExceptionsTest, MayBeCaughtInside) {
  EXPECT_EQ(*keys.Call(kCatchInside), 5);
  EXPECT_TRUE(keys.Call(kNoThrow).ok());
}

TEST_F(ExceptionsTest, OfManyThreadsDoNotMix) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      const std::string expected = Thrown([&] { Throw(i); });
      for (int round = 0; round < Scaled(2000); ++round) {
        ASSERT_EQ(Thrown([&] { keys.Call(kThrow, i).IgnoreError(); }),
                  expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ExceptionsTest, AreExplainedOnce) {
  bh_explain("a type", "a text");
  EXPECT_STREQ(bh_explanation().type, "a type");
  const bh_exception again = bh_explanation();
  EXPECT_STREQ(again.type, "");
  EXPECT_STREQ(again.text, "");
  bh_explain(nullptr, kLongText);
  EXPECT_EQ(std::string(bh_explanation().text), std::string(167, 'x'));
}

TEST_F(SandboxTest, ExceptionsOfASandboxAreAStatus) {
  RETURN_WITHOUT_SANDBOXES();
  const Sandbox box = *Sandbox::Create("box");
  for (int which = 0; which < kAll; ++which) {
    const absl::Status status = box.Call(kThrowInBox, which);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_EQ(bh_current().id, 0u);
  }
  const std::string text(box.Call(kThrowInBox, 8).message());
  EXPECT_NE(text.find("std::out_of_range: a range"), std::string::npos) << text;
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  EXPECT_TRUE(box.Destroy().ok());
}

}  // namespace
