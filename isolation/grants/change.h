// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef BULKHEAD_ISOLATION_GRANTS_CHANGE_H_
#define BULKHEAD_ISOLATION_GRANTS_CHANGE_H_

#include <cstdint>

#include "bulkhead/bulkhead.h"

namespace bulkhead {

// The contract of bh_grant(); `to` is a handle as one number, or kEveryone.
// REQUIRES: the library is initialised.
bh_status ChangeGrant(bh_compartment owner, uint64_t to, bh_access access);

// The contract of bh_destroy(): what the compartment granted is revoked first,
// and given back if the compartment lives on.
bh_status DestroyWithGrants(bh_compartment compartment);

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GRANTS_CHANGE_H_
