// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/thread/current.h"

#include "isolation/base/raw_log.h"
#include "isolation/domain/grants.h"

namespace bulkhead {

bool FindDomain(Pkru pkru, Pkru domain, CompartmentId current,
                CompartmentId& id) {
  const Pkru owned_bits = pkru & Pkru{bulkhead_owned_pkru};
  if (owned_bits == domain) {
    id = current;
    return true;
  }
  const uint32_t difference = Bits(owned_bits ^ domain);
  const CompartmentId owner =
      key_owners[static_cast<unsigned>(__builtin_ctz(difference)) / 2];
  const CompartmentRow& row = RowOf(owner);
  if (owner == kRoot || row.state == BH_STATE_FREE ||
      owned_bits != (domain & Pkru{row.open_mask})) {
    return false;
  }
  id = owner;
  return true;
}

CompartmentId DomainBeyond(const ThreadRecord& record) {
  const auto refreshes = [&record] {
    return __atomic_load_n(&record.refreshes, __ATOMIC_SEQ_CST);
  };
  for (;;) {
    // A signal that changes PKRU changes the record as well.
    const uint64_t before = refreshes();
    const Pkru pkru = ReadPkru();
    const Pkru domain = *const_cast<const volatile Pkru*>(&record.pkru);
    CompartmentId id = kRoot;
    const bool is_known = FindDomain(pkru, domain, record.current, id);
    if (refreshes() != before) continue;
    if (is_known) return id;
    DieExpected("PKRU is of no known domain", Bits(domain),
                bulkhead_owned_pkru & Bits(pkru));
  }
}

bool MayWrite(const ThreadRecord& record, CompartmentId owner) {
  if (enforcement == Enforcement::kPku) {
    const HardwareKey key =
        owner == kRoot ? root_heap_key : RowOf(owner).heap_key;
    return Bits(ReadPkru() & BothBits(key)) == 0;
  }
  return enforcement == Enforcement::kNone || MayWriteByPages(record, owner);
}

bool MayWriteByPages(const ThreadRecord& record, CompartmentId owner) {
  if (owner == kRoot) return true;
  const auto may_write = [owner](CompartmentId domain) {
    return domain == owner ||
           GrantedTo(domain, RowOf(owner)) == BH_ACCESS_READ_WRITE;
  };
  if (may_write(kRoot) || may_write(record.current)) return true;
  for (uint32_t i = 0; i < record.depth; ++i) {
    if (may_write(record.frames[i].current)) return true;
  }
  return false;
}

}  // namespace bulkhead
