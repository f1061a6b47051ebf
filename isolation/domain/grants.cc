// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/domain/grants.h"

#include "isolation/arch/gate.h"
#include "isolation/base/raw_log.h"
#include "isolation/base/sealed.h"

namespace bulkhead {
namespace {

constexpr uint64_t BitOf(CompartmentId id) {
  static_assert(BH_MAX_COMPARTMENTS <= 64);
  return uint64_t{1} << Index(id);
}

constexpr bh_access More(bh_access a, bh_access b) { return a < b ? b : a; }

bh_access GrantedToOne(CompartmentId to, const CompartmentRow& owner) {
  if ((owner.grants.read_write & BitOf(to)) != 0) return BH_ACCESS_READ_WRITE;
  return (owner.grants.read & BitOf(to)) != 0 ? BH_ACCESS_READ : BH_ACCESS_NONE;
}

// PKRU & this opens the heap so far.
Pkru Opens(const CompartmentRow& owner, bh_access access) {
  switch (access) {
    case BH_ACCESS_NONE:
      break;
    case BH_ACCESS_READ:
      return ~Closed(owner.heap_key);
    case BH_ACCESS_READ_WRITE:
      return ~BothBits(owner.heap_key);
  }
  return ~Pkru{0};
}

Pkru OpenedFor(CompartmentId id) {
  Pkru opened = ~Pkru{0};
  for (const CompartmentRow& owner : bulkhead_compartments) {
    if (!owner.grants.any()) continue;
    opened = opened & Opens(owner, GrantedTo(id, owner));
  }
  return opened;
}

// Of all owners, as SetGrant() keeps them.
constinit BULKHEAD_SEALED uint64_t granted_something = 0;

}  // namespace

constinit BULKHEAD_SEALED uint64_t grants_generation = 0;

void SetGrant(CompartmentRow& owner, CompartmentId to, bh_access access) {
  owner.grants.read &= ~BitOf(to);
  owner.grants.read_write &= ~BitOf(to);
  if (access == BH_ACCESS_READ) owner.grants.read |= BitOf(to);
  if (access == BH_ACCESS_READ_WRITE) owner.grants.read_write |= BitOf(to);
}

void SetGrantToEveryone(CompartmentRow& owner, bh_access access) {
  owner.grants.everyone = access;
}

void ForgetGrantsTo(CompartmentId to) {
  for (CompartmentRow& owner : bulkhead_compartments) {
    SetGrant(owner, to, BH_ACCESS_NONE);
  }
}

void SettleGrants() {
  uint64_t some = 0;
  for (CompartmentRow& row : bulkhead_compartments) {
    row.granted = OpenedFor(IdOf(row));
    some |= row.grants.read | row.grants.read_write;
  }
  for (CompartmentRow& row : bulkhead_compartments) SettleKeyBits(row);
  __atomic_store_n(&granted_something, some, __ATOMIC_SEQ_CST);
  __atomic_fetch_add(&grants_generation, 1, __ATOMIC_SEQ_CST);
}

void SettleKeyBits(CompartmentRow& row) {
  // The gate that only opens a key starts from the root's rights.
  const Pkru roots = RowOf(kRoot).granted;
  const bool has_more = (roots & row.granted) != roots;
  const bool by_gate = row.traits.kind == Kind::kVault && !has_more;
  __atomic_store_n(&row.key_bits, by_gate ? ~row.open_mask : 0,
                   __ATOMIC_RELAXED);
}

bh_access GrantedTo(CompartmentId to, const CompartmentRow& owner) {
  return More(owner.grants.everyone, GrantedToOne(to, owner));
}

bh_access GrantedToWhoRuns(const CompartmentRow& owner) {
  bh_access most = GrantedTo(kRoot, owner);
  const uint64_t granted = owner.grants.read | owner.grants.read_write;
  if (granted == 0) return most;
  for (const CompartmentRow& row : bulkhead_compartments) {
    if (__atomic_load_n(&row.threads_inside, __ATOMIC_SEQ_CST) == 0) continue;
    most = More(most, GrantedToOne(IdOf(row), owner));
  }
  return most;
}

bool IsGrantedSomething(CompartmentId id) {
  const uint64_t some = __atomic_load_n(&granted_something, __ATOMIC_SEQ_CST);
  return (some & BitOf(id)) != 0;
}

Pkru RootRights() { return Pkru{bulkhead_root_pkru} & RowOf(kRoot).granted; }

}  // namespace bulkhead
