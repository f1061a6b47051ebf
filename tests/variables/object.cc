// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// An object that is loaded when the compartment is there.

#include "bulkhead/variables.h"

BULKHEAD_PRIVATE(vault) int late_secret = 815;
int late_number = 5;

extern "C" {
__attribute__((visibility("default"))) extern int* const late_variables[2];
int* const late_variables[2] = {&late_secret, &late_number};
}
