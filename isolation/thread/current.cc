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

}  // namespace bulkhead
