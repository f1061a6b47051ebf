// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/current.h"

#include "isolation/base/raw_log.h"

namespace bulkhead {

bool FindDomain(Pkru pkru, const ThreadRecord& record, CompartmentId& id) {
  const Pkru owned_bits = pkru & Pkru{bulkhead_owned_pkru};
  if (owned_bits == record.pkru) {
    id = record.current;
    return true;
  }
  const uint32_t difference = Bits(owned_bits ^ record.pkru);
  const CompartmentId owner =
      key_owners[static_cast<unsigned>(__builtin_ctz(difference)) / 2];
  const CompartmentRow& row = RowOf(owner);
  if (owner == kRoot || row.state == BH_STATE_FREE ||
      owned_bits != (record.pkru & Pkru{row.open_mask})) {
    return false;
  }
  id = owner;
  return true;
}

CompartmentId DomainOf(Pkru pkru, const ThreadRecord& record) {
  CompartmentId id;
  if (FindDomain(pkru, record, id)) return id;
  DieExpected("PKRU is of no known domain", Bits(record.pkru),
              bulkhead_owned_pkru & Bits(pkru));
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
