// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/monitor/rights.h"

#include "isolation/base/raw_log.h"
#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/monitor/calls.h"
#include "isolation/monitor/compartments.h"
#include "isolation/monitor/process.h"

namespace bulkhead {
namespace {

// Those of the domain that was entered from one with `rights`, by the frame
// that was pushed then.
Pkru RightsBehind(const Frame& frame, Pkru rights, CompartmentId entered) {
  const CompartmentRow& row = RowOf(entered);
  const Pkru callers = rights & Pkru{RowOf(frame.beyond).open_mask};
  switch (frame.kind) {
    case FrameKind::kDomain:
      return callers & Pkru{row.open_mask};
    case FrameKind::kGate:
      return RightsIn(row, callers);
    case FrameKind::kHandler:
    case FrameKind::kCallback:
      return RootRights();
  }
  Die("unknown kind of frame");
}

bool UnpackAccess(uint64_t word, bh_access& access) {
  access = static_cast<bh_access>(word);
  return word <= static_cast<uint64_t>(BH_ACCESS_READ_WRITE);
}

// Nothing has changed unless BH_OK.
bh_status ChangeGrant(CompartmentRow& owner, uint64_t to, bh_access access) {
  if (to == kEveryone) {
    SetGrantToEveryone(owner, access);
    return BH_OK;
  }
  const CompartmentRow* row = FindLive(AsHandle(to));
  if (row == nullptr) return BH_ERR_DESTROYED;
  if (row == &owner) return BH_ERR_OPTIONS;
  SetGrant(owner, IdOf(*row), access);
  return BH_OK;
}

}  // namespace

Pkru RightsIn(const CompartmentRow& row, Pkru callers) {
  const Pkru opened = Pkru{row.open_mask} & row.granted;
  switch (row.traits.kind) {
    case Kind::kVault:
      return callers & opened;
    case Kind::kSandbox:
      return sandbox_pkru & opened;
    case Kind::kRelaxedSandbox:
      return sandbox_pkru & opened & ~BothBits(kUntagged);
    case Kind::kShared:
      break;
  }
  Die("a heap without entries was entered");
}

void RefreshRights(ThreadRecord& record) {
  // Read first: what is made of newer grants is made once more.
  record.rights_generation =
      __atomic_load_n(&grants_generation, __ATOMIC_SEQ_CST);
  if (enforcement != Enforcement::kPku) return;
  ++record.refreshes;
  Pkru rights = RootRights();
  for (uint32_t i = 0; i < record.depth; ++i) {
    Frame& frame = record.frames[i];
    const CompartmentId entered =
        i + 1 < record.depth ? record.frames[i + 1].current : record.current;
    frame.pkru = rights;
    rights = RightsBehind(frame, rights, entered);
  }
  BULKHEAD_CHECK(record.depth != 0 || record.current == kRoot,
                 "a thread is in a domain without a way back");
  SetDomain(record, rights, record.current);
}

bh_result MonitorRefreshRights(ThreadRecord& record, uint64_t, uint64_t,
                               uint64_t, uint64_t) {
  RefreshRights(record);
  return {};
}

bh_result MonitorGrant(ThreadRecord& record, uint64_t handle, uint64_t to,
                       uint64_t raw_access, uint64_t) {
  bh_access access;
  if (!UnpackAccess(raw_access, access)) return Refused(BH_ERR_OPTIONS);
  LockCompartments();
  CompartmentRow* owner = FindLive(AsHandle(handle));
  bh_status status = BH_OK;
  if (owner == nullptr || IdOf(*owner) == kRoot) {
    status = BH_ERR_DESTROYED;
  } else if (!owner->traits.grants) {
    status = BH_ERR_NO_GRANTS;
  } else {
    status = ChangeGrant(*owner, to, access);
  }
  if (status == BH_OK) {
    SettleGrants();
    if (enforcement == Enforcement::kMprotect) {
      LockHolder hold(owner->heap_lock);
      BULKHEAD_CHECK(UpdateHeapProtection(*owner),
                     "the kernel refused to open or close what is granted");
    }
    RefreshRights(record);
  }
  const uint64_t generation = grants_generation;
  UnlockCompartments();
  return {generation, static_cast<uint64_t>(status)};
}

}  // namespace bulkhead
