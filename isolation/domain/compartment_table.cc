// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/compartment_table.h"

#include "isolation/base/sealed.h"

constinit BULKHEAD_SEALED
    bulkhead::CompartmentRow bulkhead_compartments[BH_MAX_COMPARTMENTS] = {
        {.state = BH_STATE_LIVE, .name = "root"}};
constinit BULKHEAD_SEALED
    bulkhead::EntryRow bulkhead_entries[BH_MAX_ENTRIES] = {};

namespace bulkhead {

constinit BULKHEAD_SEALED CompartmentId key_owners[16] = {};
constinit BULKHEAD_SEALED uint32_t last_generation = 0;

CompartmentRow* FindLive(bh_compartment handle) {
  if (handle.id >= BH_MAX_COMPARTMENTS) return nullptr;
  CompartmentRow& row = bulkhead_compartments[handle.id];
  if (__atomic_load_n(&row.state, __ATOMIC_ACQUIRE) != BH_STATE_LIVE ||
      row.generation != handle.generation) {
    return nullptr;
  }
  return &row;
}

CompartmentRow* FindByName(const char* name) {
  for (CompartmentRow& row : bulkhead_compartments) {
    if (__atomic_load_n(&row.state, __ATOMIC_ACQUIRE) == BH_STATE_FREE) {
      continue;
    }
    size_t i = 0;
    while (i < kNameBytes && row.name[i] == name[i] && name[i] != '\0') ++i;
    if (i < kNameBytes && row.name[i] == name[i]) return &row;
  }
  return nullptr;
}

bh_compartment HandleOf(const CompartmentRow& row) {
  return {Index(IdOf(row)), row.generation};
}

}  // namespace bulkhead
