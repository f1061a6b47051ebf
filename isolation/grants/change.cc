// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/grants/change.h"

#include "isolation/domain/cages.h"
#include "isolation/domain/grants.h"
#include "isolation/grants/threads.h"
#include "isolation/monitor/compartments.h"
#include "isolation/thread/call_monitor.h"
#include "isolation/thread/libc_signals.h"

namespace bulkhead {
namespace {

bh_result TellMonitor(bh_compartment owner, uint64_t to, bh_access access) {
  return CallMonitor(*CurrentRecord(), MonitorCall::kGrant, AsNumber(owner), to,
                     static_cast<uint64_t>(access));
}

bh_status Status(bh_result result) {
  return static_cast<bh_status>(result.status);
}

// Does one change after the other, and has the threads follow the last.
class Changes {
 public:
  bool ok() const { return !by_keys_ || (threads_.ok() && may_tell_); }

  bh_status Make(bh_compartment owner, uint64_t to, bh_access access) {
    const bh_result result = TellMonitor(owner, to, access);
    if (result.status == BH_OK) generation_ = result.value;
    return Status(result);
  }

  bh_status Await() const {
    if (!by_keys_ || generation_ == 0) return BH_OK;
    return threads_.AwaitRights(generation_) ? BH_OK : BH_ERR_NO_ANSWER;
  }

 private:
  const bool by_keys_ = enforcement == Enforcement::kPku;
  const bool may_tell_ = !by_keys_ || InstallUserHandler();
  const Threads threads_;
  uint64_t generation_ = 0;
};

// Sets each of the grants to what it was, or to none.
bh_status MakeAll(bh_compartment owner, const Grants& grants, bool give) {
  Changes changes;
  if (!changes.ok()) return BH_ERR_KERNEL;
  const auto make = [&](uint64_t to, bh_access access) {
    return access == BH_ACCESS_NONE
               ? BH_OK
               : changes.Make(owner, to, give ? access : BH_ACCESS_NONE);
  };
  bh_status status = make(kEveryone, grants.everyone);
  for (uint32_t i = 0; i < BH_MAX_COMPARTMENTS && status == BH_OK; ++i) {
    const uint64_t bit = uint64_t{1} << i;
    const bh_access access = (grants.read_write & bit) != 0
                                 ? BH_ACCESS_READ_WRITE
                             : (grants.read & bit) != 0 ? BH_ACCESS_READ
                                                        : BH_ACCESS_NONE;
    status = make(AsNumber(HandleOf(bulkhead_compartments[i])), access);
    // Whoever it was granted to is gone, and the grant with it.
    if (status == BH_ERR_DESTROYED && FindLive(owner) != nullptr)
      status = BH_OK;
  }
  const bh_status followed = changes.Await();
  return status != BH_OK ? status : followed;
}

}  // namespace

bh_status ChangeGrant(bh_compartment owner, uint64_t to, bh_access access) {
  if (IsConfined(*CurrentRecord())) return BH_ERR_DENIED;
  Changes changes;
  if (!changes.ok()) return BH_ERR_KERNEL;
  const bh_status status =
      changes.Make(owner, to, static_cast<bh_access>(access));
  return status == BH_OK ? changes.Await() : status;
}

bh_status DestroyWithGrants(bh_compartment compartment) {
  const CompartmentRow* row = FindLive(compartment);
  if (row == nullptr || IsConfined(*CurrentRecord())) {
    return DestroyCompartment(compartment);
  }
  const Grants before = row->grants;
  if (!before.any()) return DestroyCompartment(compartment);
  const bh_status revoked = MakeAll(compartment, before, false);
  const bh_status status =
      revoked == BH_OK ? DestroyCompartment(compartment) : revoked;
  if (status != BH_OK) MakeAll(compartment, before, true);
  return status;
}

}  // namespace bulkhead
