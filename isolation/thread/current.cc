// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/current.h"

#include "isolation/base/raw_log.h"

namespace bulkhead {

CompartmentId OwnerOfOpenKey(Pkru pkru, const ThreadRecord& record) {
  const Pkru owned{bulkhead_owned_pkru};
  for (const CompartmentRow& row : bulkhead_compartments) {
    if (row.key == kUntagged || row.state == BH_STATE_FREE) continue;
    if ((pkru & owned) == (record.pkru & Pkru{row.open_mask})) {
      return IdOf(row);
    }
  }
  DieExpected("PKRU is of no known domain", Bits(record.pkru),
              Bits(pkru & owned));
}

bool MayWrite(const ThreadRecord& record, CompartmentId owner) {
  if (owner == kRoot || enforcement == Enforcement::kNone) return true;
  if (enforcement == Enforcement::kPku) {
    return Bits(ReadPkru() & BothBits(RowOf(owner).key)) == 0;
  }
  if (record.current == owner) return true;
  for (uint32_t i = 0; i < record.depth; ++i) {
    if (record.frames[i].current == owner) return true;
  }
  return false;
}

}  // namespace bulkhead
