// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/sandboxes/sandbox.h"

namespace bulkhead_test {

void SandboxTest::SetUp() {
  if (MayHaveSandboxes()) return;
  for (const bh_kind kind : {BH_KIND_SANDBOX, BH_KIND_RELAXED_SANDBOX}) {
    bh_options options = {};
    options.kind = kind;
    bh_compartment made;
    EXPECT_EQ(bh_create("refused", &options, &made), BH_ERR_LEVEL);
    EXPECT_EQ(bh_find("refused", &made), BH_ERR_NOT_FOUND);
  }
}

}  // namespace bulkhead_test
