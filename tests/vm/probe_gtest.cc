// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// A GoogleTest program for vm_test: one test passes, one fails.

#include "gtest/gtest.h"

namespace {

TEST(ProbeTest, Passes) { EXPECT_EQ(1, 1); }

TEST(ProbeTest, Fails) { EXPECT_EQ(1, 2); }

}  // namespace
