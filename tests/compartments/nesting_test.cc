// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Calls and scopes nested in every order: no visit uses memory of another's
// stack.

#include <string.h>

#include <algorithm>

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/support/scale.h"

namespace {

using ::bulkhead::Compartment;
using ::bulkhead_test::Scaled;

Compartment keys{bh_compartment{0, 0}};
Compartment other{bh_compartment{0, 0}};

enum Step { kIntoKeys, kIntoOther, kScope, kSteps };

// The next step is the last digit of `path`, to the base kSteps, and so on.
int Walk(int path, int depth);
BULKHEAD_ENTRY(kWalkInKeys, "keys", Walk);
BULKHEAD_ENTRY(kWalkInOther, "other", Walk);

int Next(int path, int depth) {
  switch (path % kSteps) {
    case kIntoKeys:
      return keys.Call(kWalkInKeys, path / kSteps, depth - 1).value_or(-1);
    case kIntoOther:
      return other.Call(kWalkInOther, path / kSteps, depth - 1).value_or(-1);
    default:
      int below = -1;
      const absl::Status status =
          keys.WithScope([&] { below = Walk(path / kSteps, depth - 1); });
      return status.ok() ? below : -1;
  }
}

// How many steps were made with every stack as it was left; -1: not all.
int Walk(int path, int depth) {
  volatile char local[1000];
  char* const bytes = const_cast<char*>(local);
  memset(bytes, depth + 1, sizeof(local));
  const uint32_t current = bh_current().id;
  const int below = depth == 0 ? 0 : Next(path, depth);
  const bool as_left =
      std::all_of(bytes, bytes + sizeof(local),
                  [depth](char byte) { return byte == depth + 1; });
  return below < 0 || !as_left || bh_current().id != current ? -1 : below + 1;
}

TEST(NestingTest, EveryOrderHasStacksOfItsOwn) {
  bh_options options = {};
  options.scopes = BH_ON;
  keys = *Compartment::Create("keys", options);
  other = *Compartment::Create("other");
  constexpr int kDepth = 6;
  int paths = 1;
  for (int i = 0; i < kDepth; ++i) paths *= kSteps;
  for (int path = 0; path < paths; path += paths / Scaled(paths, 80)) {
    ASSERT_EQ(Walk(path, kDepth), kDepth + 1) << path;
  }
  EXPECT_TRUE(keys.Destroy().ok());
  EXPECT_TRUE(other.Destroy().ok());
}

}  // namespace
