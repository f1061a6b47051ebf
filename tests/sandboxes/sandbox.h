// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What tests of sandboxes share.

#ifndef BULKHEAD_TESTS_SANDBOXES_SANDBOX_H_
#define BULKHEAD_TESTS_SANDBOXES_SANDBOX_H_

#include "bulkhead/compartment.h"
#include "gtest/gtest.h"
#include "tests/sandboxes/means.h"

namespace bulkhead_test {

// A test of sandboxes. Where there can be none, each looks that none is made.
class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace bulkhead_test

// Ends the test where SandboxTest has found that no sandbox is made.
#define RETURN_WITHOUT_SANDBOXES() \
  if (!::bulkhead_test::MayHaveSandboxes()) return

#endif  // BULKHEAD_TESTS_SANDBOXES_SANDBOX_H_
