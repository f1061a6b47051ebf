// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// What enforces compartments, in one word.

#ifndef BULKHEAD_ALLOCATOR_STATS_LEVEL_NAME_H_
#define BULKHEAD_ALLOCATOR_STATS_LEVEL_NAME_H_

#include "bulkhead/bulkhead.h"

namespace bulkhead {

inline const char* LevelName() {
  switch (bh_get_level()) {
    case BH_LEVEL_NONE:
      return "none";
    case BH_LEVEL_MPROTECT:
      return "mprotect";
    case BH_LEVEL_PKU:
      return "pku";
  }
  return "none";
}

}  // namespace bulkhead

#endif  // BULKHEAD_ALLOCATOR_STATS_LEVEL_NAME_H_
